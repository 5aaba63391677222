"""Text that an XML document can hold."""

from __future__ import annotations

import re

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """`text` with what XML 1.0 forbids (control characters) shown as the replacement sign.

    Escaping is left to whoever writes the document.
    """
    return _FORBIDDEN.sub("\ufffd", text)
