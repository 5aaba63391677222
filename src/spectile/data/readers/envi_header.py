"""The text header of an ENVI scene: its fields, whatever stands in their texts."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spectile.errors import InputError

MOST_BYTES = 64 << 20
"""A header is shorter, even with a spectrum for every band: a longer file is none."""

_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""By the byte-order marks that Windows' editors put at the start."""


@dataclass(frozen=True)
class EnviHeader:
    """The fields of a header."""

    path: Path
    fields: Mapping[str, str]
    """Texts by name, in lower case with single spaces; lists keep their braces and line ends."""
    repeated: Mapping[str, tuple[str, ...]]
    """What fields say that stand there several times with several texts; the last one counts."""

    def number(self, name: str, *, missing: int | None = None) -> int:
        """The whole number in the field `name`; InputError where there is none."""
        texts = self.repeated.get(name, ())
        if texts:
            raise InputError(
                f"{self.path} says {name} = {' and '.join(texts[:3])}: keep the line that is right."
            )
        text = self.fields.get(name, "").strip("{} \"'")
        if not text and missing is not None:
            return missing
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            said = f"says {name} = {text}" if text else f"doesn't say the {name}"
            raise InputError(
                f"{self.path} can't be understood (it {said}): make it a whole number."
            )
        return int(text)


def read_header(path: Path) -> EnviHeader | None:
    """The fields of an ENVI header; None for a file that is none."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    text = _decoded(content)
    if len(content) > MOST_BYTES or not is_header(content[:256]):
        return None
    found: dict[str, list[str]] = {}
    for name, value in _fields(re.split(r"\r\n|\r|\n", text)[1:]):
        found.setdefault(name, []).append(value)
    repeated = {name: tuple(dict.fromkeys(texts)) for name, texts in found.items()}
    return EnviHeader(
        path,
        {name: texts[-1] for name, texts in found.items()},
        {name: texts for name, texts in repeated.items() if len(texts) > 1},
    )


def is_header(start: bytes) -> bool:
    """Whether a file whose first bytes these are is an ENVI header."""
    return _decoded(start).lstrip().upper().startswith("ENVI")


def _decoded(content: bytes) -> str:
    for mark, encoding in _ENCODINGS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Name and text of each field.

    A text that begins with a brace goes on to the brace that closes it, and what its lines look
    like is none of our business. Any other text ends with its line. Lines that begin with a
    semicolon are comments.
    """
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        name, equals, text = line.partition("=")
        if not equals or line.lstrip().startswith(";"):
            continue
        text = text.strip()
        if text.startswith("{"):
            more = _lines_to_the_end(text, lines[at:])
            text = "\n".join([text, *(later.strip() for later in lines[at : at + more])])
            at += more
        yield " ".join(name.lower().split()), text


def _lines_to_the_end(first: str, later: list[str]) -> int:
    """How many of the `later` lines belong to the text in braces that begins with `first`."""
    depth, closed = 0, None
    for count, line in enumerate([first, *later]):
        depth += line.count("{") - line.count("}")
        if depth <= 0:
            return count
        if closed is None and line.rstrip().endswith("}"):
            closed = count
    # A brace in the text is never closed: the first line that ends with one closes them all.
    return closed or 0
