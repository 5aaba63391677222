"""Pictures that are written for the user, signed so that they may be written over later."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from spectile.files import write_aside

_SOFTWARE_TAG, _SOFTWARE = 0x0131, "Spectile"
"""Of EXIF, which every format that we write can hold."""


def write_picture_file(picture: Image.Image, path: str | Path) -> None:
    """Write an image file of the format that the name's end says, whole or not at all."""
    signed = Image.Exif()
    signed[_SOFTWARE_TAG] = _SOFTWARE
    with write_aside(path) as aside:
        picture.save(aside, exif=signed)


def is_picture_file(path: Path) -> bool:
    """Whether a file is a picture that :func:`write_picture_file` wrote."""
    try:
        with Image.open(path) as picture:
            return picture.getexif().get(_SOFTWARE_TAG) == _SOFTWARE
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
