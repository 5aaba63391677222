"""One mask file as numbers: the values of a grey or palette image, or the colours of an RGB one."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from spectile.data.labels.legend import LARGEST_VALUE
from spectile.data.readers.pictures import picture_kind, png_depth, read_npy
from spectile.data.readers.raster_file import RasterFile, raster_of_format, read_raster
from spectile.data.readers.unreadable import check_bytes, damage_named
from spectile.errors import InputError

NOTHING = -1
"""Stands for nodata, negative values and transparent pixels."""


@dataclass(frozen=True, eq=False)
class MaskPixels:
    """What a mask file holds, before a legend says what it means."""

    numbers: NDArray[np.int32]
    """Values 0 to 65535, or colours as 0xRRGGBB; -1 where there is neither; shape (H, W)."""
    colored: bool
    """Whether `numbers` are colours."""
    palette: NDArray[np.int32] | None = None
    """The colour, as 0xRRGGBB, that the file shows each value in."""
    layers: int = 1
    """Of a TIFF with a layer (band or page) for each class: how many."""
    turned: bool = False
    """Whether the file was turned as its EXIF orientation says."""


def read_mask(path: str | os.PathLike[str]) -> MaskPixels:
    """Read a mask: PNG or TIFF with values, a palette or colours, or a .npy of whole numbers.

    Any other file is read as the scene that a format of another package makes of it.

    Layers of a TIFF that are on in the pixels of one class each become the values 0, 1, 2 ...
    EXIF's orientation is applied, as to images. Nodata, negative values and transparent pixels are
    -1. Raises InputError naming the file, which is UnreadableImageError for a damaged one; a JPEG
    is refused, for it doesn't keep values.
    """
    with damage_named(path):
        kind = picture_kind(path)
        if kind is None:
            return _mask_of(path, raster_of_format(path, scaled=False))
        if kind == "jpeg":
            raise InputError(
                f"{path} is a JPEG, which changes the values of a mask: "
                "export masks as PNG, TIFF or .npy."
            )
        if kind == "npy":
            return _array_mask(path, read_npy(path))
        if kind == "tiff" or png_depth(path) == 16:
            return _mask_of(path, read_raster(path, kind))
        return _png_mask(path)


def pack(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Colours (..., 3) as one number each, 0xRRGGBB."""
    red, green, blue = np.moveaxis(colors.astype(np.int32), -1, 0)
    packed: NDArray[np.int32] = (red << 16) | (green << 8) | blue
    return packed


def _array_mask(path: str | os.PathLike[str], stored: NDArray[Any]) -> MaskPixels:
    if stored.ndim == 3 and 1 in (stored.shape[0], stored.shape[2]):
        stored = stored[0] if stored.shape[0] == 1 else stored[..., 0]
    if stored.ndim != 2:
        raise InputError(
            f"{path} holds an array with {stored.ndim} axes: a mask has rows and columns."
        )
    return MaskPixels(_values(path, stored), colored=False)


def _mask_of(path: str | os.PathLike[str], raster: RasterFile) -> MaskPixels:
    bands = len(raster.bands)
    if bands == 1:
        missing = raster.missing[0] if raster.missing is not None else None
        palette = pack(raster.palette) if raster.palette is not None else None
        return MaskPixels(_values(path, raster.bands[0], missing), colored=False, palette=palette)
    colors = bands == 3 and raster.pages == 1 and raster.bands.dtype == np.uint8
    if not colors or _exclusive(raster.bands):
        return _layers(path, raster)
    packed = pack(raster.bands.transpose(1, 2, 0))
    if raster.missing is not None:
        packed[raster.missing.any(axis=0)] = NOTHING
    return MaskPixels(packed, colored=True)


def _exclusive(bands: NDArray[Any]) -> bool:
    """Whether exactly one of the bands (bands, H, W) is 1 in each pixel, and the others 0."""
    return bool(bands.max() == 1 and (bands.sum(axis=0) == 1).all())


def _layers(path: str | os.PathLike[str], raster: RasterFile) -> MaskPixels:
    """A layer for each class: the values are their places from 0, and -1 where none is on."""
    what = f"{len(raster.bands)} {'pages' if raster.pages > 1 else 'bands'}"
    on = raster.bands != 0
    if raster.missing is not None:
        on &= ~raster.missing
    if any(len(np.unique(band[layer])) > 1 for band, layer in zip(raster.bands, on, strict=True)):
        raise InputError(
            f"{path} has {what} of {raster.bands.dtype}: a mask has one band of class "
            "numbers, three of 8-bit colours, or a layer of 0 and 1 for each class."
        )
    count = on.sum(axis=0)
    if (count > 1).any():
        raise InputError(
            f"{path} has {what}, a layer for each class, and {int((count > 1).sum()):,} pixels lie "
            "in more than one: give each pixel one class."
        )
    numbers = np.where(count == 1, on.argmax(axis=0), NOTHING).astype(np.int32)
    return MaskPixels(numbers, colored=False, layers=len(on))


def _png_mask(path: str | os.PathLike[str]) -> MaskPixels:
    with Image.open(path, formats=("PNG",)) as picture:
        check_bytes(picture.width * picture.height * 4, path)
        picture.load()  # its EXIF may follow its pixels
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
        upright = ImageOps.exif_transpose(picture) if turned else picture
        return replace(_picture_mask(path, upright), turned=turned)


def _picture_mask(path: str | os.PathLike[str], picture: Image.Image) -> MaskPixels:
    if picture.mode == "P":
        return _palette_mask(path, picture)
    if "transparency" in picture.info:
        picture = picture.convert("RGBA" if picture.mode == "RGB" else "LA")
    mode, samples = picture.mode, np.asarray(picture)
    if mode in ("1", "L", "I", "I;16"):
        return MaskPixels(_values(path, samples), colored=False)
    if mode == "LA":
        return MaskPixels(_values(path, samples[..., 0], samples[..., 1] == 0), colored=False)
    colors = pack(samples[..., :3])
    if mode == "RGBA":
        colors[samples[..., 3] == 0] = NOTHING
    return MaskPixels(colors, colored=True)


def _palette_mask(path: str | os.PathLike[str], picture: Image.Image) -> MaskPixels:
    """Indices with their colours.

    An index that is wholly transparent still is a value: palettes of masks mark the background so.
    """
    listed = np.array(picture.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(listed)] = listed
    return MaskPixels(_values(path, np.asarray(picture)), colored=False, palette=pack(colors))


def _values(
    path: str | os.PathLike[str],
    stored: NDArray[Any],
    missing: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Class values (H, W), -1 where missing, NaN or negative; InputError for what is no class."""
    if stored.dtype.kind not in "buif":
        raise InputError(f"{path} holds {stored.dtype} values: a mask holds whole numbers.")
    known = stored >= 0  # NaN isn't
    if missing is not None:
        known &= ~missing
    found = stored[known]
    if stored.dtype.kind == "f" and (broken := found[found != np.rint(found)]).size:
        raise InputError(
            f"{path} holds {broken[0]:g}, which is no whole number: "
            "give a mask of class numbers, not of measurements."
        )
    if found.size and found.max() > LARGEST_VALUE:
        raise InputError(
            f"{path} holds the value {int(found.max())}, but classes are 0 to {LARGEST_VALUE}: "
            "renumber them, and give nodata to what has none."
        )
    values = np.full(stored.shape, NOTHING, np.int32)
    values[known] = found
    return values
