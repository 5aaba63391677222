"""Names of files that can be written and read."""

from __future__ import annotations

import os
from pathlib import Path

from spectile.errors import InputError


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise InputError for a name of bytes that are no text, which GDAL's bindings can't take."""
    name = os.fspath(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{name} is a name with bytes that are no UTF-8 text: rename the file, or its folder."
        ) from None


def check_ending(path: str | os.PathLike[str], what: str, endings: tuple[str, ...]) -> None:
    """Raise InputError unless the name of a file to write ends as its format does.

    `what` is what is written there, as in "a map".
    """
    check_name(path)
    if Path(path).suffix.lower() not in endings:
        listed = " or ".join([", ".join(endings[:-1]), endings[-1]] if endings[1:] else endings)
        raise InputError(f"{os.fspath(path)} is no name for {what}: let it end in {listed}.")
