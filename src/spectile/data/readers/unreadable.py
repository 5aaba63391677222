"""The error of an image file that can't be decoded, and how libraries' errors become it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import UnidentifiedImageError

from spectile.data.readers.silent_libraries import silence
from spectile.errors import InputError

MOST_BYTES = 1 << 31
"""Pixels of one image: past this it is a scene, or a damaged header that says so."""


class UnreadableImageError(InputError):
    """A file that should hold an image, or a mask, holds none that can be decoded."""

    def __init__(self, source: str, reason: str) -> None:
        """`source` is the file as the user wrote it, `reason` a clause without a full stop."""
        super().__init__(
            f"{source} can't be read as an image ({reason}): fetch or export it again, or take "
            "it out."
        )
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnreadableImageError], tuple[str, str]]:
        return type(self), (self.source, self.reason)


@contextmanager
def damage_named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into an UnreadableImageError.

    Everything is caught, for decoders promise nothing: Pillow alone raises OSError, SyntaxError,
    ValueError, struct.error or zlib.error, as the bytes lead it.
    """
    source = os.fspath(path)
    try:
        with silence():
            yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise UnreadableImageError(source, "the file isn't there") from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(source, "its first bytes are damaged") from error
    except MemoryError as error:
        raise UnreadableImageError(source, "it asks for more memory than there is") from error
    except Exception as error:
        raise UnreadableImageError(source, _reason(error)) from error


def check_bytes(size: int, path: str | os.PathLike[str]) -> None:
    """Refuse an image of more than MOST_BYTES bytes before they are asked for."""
    if size > MOST_BYTES:
        raise UnreadableImageError(
            os.fspath(path),
            f"its {size / 1e9:,.1f} GB of pixels are those of a scene, or its header is damaged",
        )


def _reason(error: Exception) -> str:
    """The first line of what the library says; rasterio keeps GDAL's own words in the cause."""
    named = isinstance(error, OSError) and error.strerror
    text = str(named or error.__cause__ or error).strip() or type(error).__name__
    line = text.splitlines()[0].rstrip(".")[:160]
    return "".join(character if character.isprintable() else "?" for character in line)
