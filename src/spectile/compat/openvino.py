"""Of OpenVINO and NNCF: used without a word to their makers.

By itself `import openvino` sends an event over the network, and so does quantising (seen in 2026.4
and 3.4), unless the package that sends it isn't there.
"""

from __future__ import annotations

import sys


def send_nothing() -> None:
    """From now on their package for such events looks as if it weren't installed."""
    # None makes an import of that name fail.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
