"""One image file as an array: PNG, JPEG, TIFF, GeoTIFF and .npy, any number of bands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from spectile.data.readers.pixel_types import as_pixels
from spectile.data.readers.raster_file import raster_of_format, read_raster
from spectile.data.readers.unreadable import UnreadableImageError, check_bytes, damage_named

PNG, JPEG, NPY = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\x93NUMPY"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes: files are what they hold, whatever their names say."""


def read_image(
    path: str | os.PathLike[str],
    *,
    bands_last: bool = True,
    alpha: bool | None = None,
    bands: int | None = None,
) -> NDArray[Any]:
    """The pixels of an image file (bands, H, W) as uint8, uint16, int16 or float32.

    Any file that is none of these pictures is opened as the scene that a format of another package
    makes of it.

    PNG and JPEG give one band if they are grey and three otherwise: palettes and CMYK become RGB,
    and EXIF's orientation is applied. TIFFs keep their bands, but for palettes; pages of one band
    are bands. Transparent pixels, nodata and masked ones are missing, which is NaN in float32; so
    are infinite ones. An alpha channel itself is no band. In a TIFF it may be one such as the near
    infrared, which GDAL marks in the same way: `alpha` says which it is, else the number of `bands`
    that are expected, else whether a tenth of it lies between "seen" and "not seen".
    A .npy file holds rows, columns, bands, or bands, rows, columns if not `bands_last`; with two
    axes it is one band. Integers of 32 bits and more, and float64, become float32.

    Raises UnreadableImageError for a file that can't be decoded or holds no pixels, and for pages
    of several bands or sizes.
    """
    with damage_named(path):
        kind = picture_kind(path)
        if kind is None:
            found = raster_of_format(path, bands_last=bands_last)
            return as_pixels(found.bands, found.missing)
        if kind == "npy":
            stored = read_npy(path)
            return as_pixels(_bands_first(stored, bands_last))
        if kind == "tiff" or (kind == "png" and png_depth(path) == 16):
            return _raster(path, kind, alpha, bands)
        return _picture(path)


def picture_kind(path: str | os.PathLike[str]) -> str | None:
    """What a file is by its first bytes: png, jpeg, tiff or npy; None for anything else.

    Raises UnreadableImageError for an empty one.
    """
    with Path(path).open("rb") as file:
        start = file.read(8)
    if not start:
        raise UnreadableImageError(os.fspath(path), "the file is empty")
    for kind, magic in (("png", PNG), ("jpeg", JPEG), ("npy", NPY), ("tiff", TIFF)):
        if start.startswith(magic):
            return kind
    return None


def png_depth(path: str | os.PathLike[str]) -> int:
    """Bits a sample of a PNG file, out of its header."""
    with Path(path).open("rb") as file:
        header = file.read(25)
    return header[24] if len(header) == 25 else 0


def read_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array in a .npy file; one that holds Python objects is refused, not unpickled."""
    # Mapped first: a damaged header asks for any size, and mapping compares it with the file's.
    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    if not stored.size:
        raise ValueError(f"its array of {' x '.join(map(str, stored.shape))} is empty")
    check_bytes(stored.nbytes, path)
    return np.array(stored)


def _bands_first(stored: NDArray[Any], bands_last: bool) -> NDArray[Any]:
    if stored.ndim == 2:
        return stored[None]
    if stored.ndim != 3:
        raise ValueError(f"its array has {stored.ndim} axes, and an image has 2 or 3")
    return stored.transpose(2, 0, 1) if bands_last else stored


def _raster(
    path: str | os.PathLike[str], kind: str, alpha: bool | None, bands: int | None
) -> NDArray[Any]:
    raster = read_raster(path, kind, alpha=alpha, bands=bands)
    if raster.palette is None:
        return as_pixels(raster.bands, raster.missing)
    return as_pixels(raster.palette[raster.bands[0]].transpose(2, 0, 1), raster.missing)


def _picture(path: str | os.PathLike[str]) -> NDArray[Any]:
    with Image.open(path, formats=("PNG", "JPEG")) as file:
        check_bytes(file.width * file.height * 4, path)
        file.load()  # a PNG's EXIF may follow its pixels
        turned = file.getexif().get(ExifTags.Base.Orientation, 1) != 1
        picture = ImageOps.exif_transpose(file) if turned else file
        if "transparency" in picture.info:
            picture = picture.convert("LA" if picture.mode in ("1", "L", "LA") else "RGBA")
        elif picture.mode in ("P", "CMYK", "YCbCr"):
            picture = picture.convert("RGB")
        elif picture.mode == "1":
            picture = picture.convert("L")
        samples = np.asarray(picture)
    if samples.ndim == 2:
        return as_pixels(samples[None])
    if picture.mode not in ("LA", "RGBA"):
        return as_pixels(samples.transpose(2, 0, 1))
    colors = samples[..., :-1].transpose(2, 0, 1)
    return as_pixels(colors, np.broadcast_to(samples[..., -1] == 0, colors.shape))
