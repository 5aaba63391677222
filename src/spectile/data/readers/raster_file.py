"""What GDAL finds in one TIFF or 16-bit PNG: its bands or pages, what is missing, its palette."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from spectile.data.readers.offline import OFFLINE
from spectile.data.readers.registry import Request, image_kinds, open_image
from spectile.data.readers.unreadable import check_bytes

DRIVERS = {"tiff": "GTiff", "png": "PNG"}
"""By the kind that the first bytes say.

Left to choose, GDAL follows recipes too: a VRT that calls itself an image makes it open any file.
"""

BAND_SHARE = 0.1
"""Of pixels between transparent and opaque, from which on a channel marked as alpha is a band."""


@dataclass(frozen=True, eq=False)
class RasterFile:
    """The bands of an image file as stored, without its alpha channel."""

    bands: NDArray[Any]
    """Shape (bands, H, W)."""
    missing: NDArray[np.bool_] | None
    """Where nodata, a mask or a transparent pixel says so; shape (bands, H, W)."""
    palette: NDArray[np.uint8] | None
    """Red, green and blue of the values of a single band, shape (65536, 3)."""
    pages: int = 1
    """Of a TIFF; where there are several, each is a band."""


def read_raster(
    path: str | os.PathLike[str], kind: str, *, alpha: bool | None = None, bands: int | None = None
) -> RasterFile:
    """Read a whole file of a `kind` of DRIVERS; call it under :func:`unreadable.damage_named`.

    GDAL marks the fourth band of any 8-bit TIFF as alpha, and more often it is the near infrared.
    `alpha` says which it is. Without, it is what an image of `bands` bands needs, and else what
    the channel itself looks like; see :func:`is_band`. In a PNG it is always alpha.

    Pages of one band and one size are bands. Raises ValueError for other ones.
    """
    with opened(path, kind) as dataset:
        pages = page_names(dataset)
        if pages:
            return _paged(path, pages)
        _check_listed(dataset)
        types = sorted(set(dataset.dtypes))
        if len(types) != 1:
            raise ValueError(f"its bands are of the types {', '.join(types)}")
        size = dataset.count * dataset.height * dataset.width * np.dtype(types[0]).itemsize
        check_bytes(size, path)
        stored = dataset.read()
        channel = _alpha(dataset, stored, alpha, bands)
        missing = _missing(dataset, channel, stored)
        if channel is not None:
            kept = [band for band in range(len(stored)) if band != channel]
            stored = stored[kept]
            missing = missing[kept] if missing is not None else None
        if not len(stored):
            raise ValueError("it has no bands beside its alpha channel")
        return RasterFile(stored, missing, _palette(dataset))


def raster_of_format(
    path: str | os.PathLike[str], *, bands_last: bool | None = None, scaled: bool = True
) -> RasterFile:
    """Read a whole image, or a mask, in a format that the registry opens as a scene.

    A scale that the file names makes values of its numbers, unless `scaled` is off. Call it under
    :func:`unreadable.damage_named`; raises ValueError where no format of images can open it.
    """
    source = os.fspath(path)
    scene = open_image(Request(Path(path), source, bands_last=bands_last))
    if scene is None:
        raise ValueError(f"it is no {image_kinds()} file")
    if scene.unscaled is not None and not scaled:
        scene = scene.unscaled
    with closing(scene.reader):
        check_bytes(scene.bands * scene.height * scene.width * scene.dtype.itemsize, path)
        bands = scene.read()
    missing = np.stack([~scene.valid(band[None]) for band in bands])
    return RasterFile(bands, missing if missing.any() else None, None)


@contextmanager
def opened(path: str | os.PathLike[str], kind: str) -> Iterator[DatasetReader]:
    """The dataset of a file."""
    # A folder of thousands is else listed anew for each of its files.
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE", **OFFLINE),
        rasterio.open(Path(path).absolute(), driver=DRIVERS[kind]) as dataset,
    ):
        yield dataset


def page_names(dataset: DatasetReader) -> list[str]:
    """GDAL's names of the pages of a TIFF that has several; overviews and masks are none."""
    return list(dataset.subdatasets) if dataset.driver == "GTiff" else []


def alpha_channel(dataset: DatasetReader) -> int | None:
    """The band, from 0, that is marked as alpha."""
    marked = [i for i, kind in enumerate(dataset.colorinterp) if kind == ColorInterp.alpha]
    return marked[0] if marked and dataset.count > 1 else None


def share_between(channel: NDArray[Any]) -> float:
    """The share of the pixels of a channel that are neither transparent nor opaque."""
    most = np.iinfo(channel.dtype).max if channel.dtype.kind in "iu" else 1
    return float(1 - np.isin(channel, (0, most)).mean())


def is_band(shares: NDArray[np.float64], hidden: NDArray[np.bool_]) -> bool:
    """Whether the channels of files that are marked as alpha are a band like the others.

    `shares` are those of :func:`share_between`, a file each; `hidden` says where all of an image
    with visible colours would be transparent. Soft edges alone make no band, and a channel without
    any signal hides nothing.
    """
    return bool((shares >= BAND_SHARE).any() or hidden.all())


def hides_all(stored: NDArray[Any], channel: int) -> bool:
    """Whether an alpha channel hides all of an image (bands, H, W) that shows something."""
    return not stored[channel].any() and bool(stored.any())


_IMAGEJ = re.compile(r"ImageJ=.*\nimages=(\d+)", re.DOTALL)
_SHAPED = re.compile(r'\{"shape": \[([\d, ]+)\]')
"""How ImageJ and tifffile say that the pixels of several images follow those of the one listed."""


def _check_listed(dataset: DatasetReader) -> None:
    """Raise ValueError if a TIFF's description tells of images that its directory doesn't list."""
    text = dataset.tags().get("TIFFTAG_IMAGEDESCRIPTION", "")
    counted, shaped = _IMAGEJ.match(text), _SHAPED.match(text)
    images = int(counted[1]) if counted else 1
    if shaped:
        pixels = math.prod(int(length) for length in shaped[1].split(","))
        images = pixels // (dataset.count * dataset.height * dataset.width)
    if images > 1:
        raise ValueError(
            f"its description counts {images} images and its directory lists one: write them as "
            "bands or as pages"
        )


def _paged(path: str | os.PathLike[str], pages: list[str]) -> RasterFile:
    """The pages of a TIFF as bands."""
    shapes = []
    for page in pages:
        with rasterio.open(page, driver="GTiff") as dataset:
            shapes.append((dataset.count, dataset.height, dataset.width, *set(dataset.dtypes)))
    count, height, width, kind = shapes[0][:4]
    if len(set(shapes)) > 1:
        other = next(shape for shape in shapes if shape != shapes[0])
        raise ValueError(
            f"its {len(pages)} pages differ, {count} x {height} x {width} of {kind} and "
            f"{other[0]} x {other[1]} x {other[2]} of {other[3]}, so none is the image alone"
        )
    if count > 1:
        raise ValueError(
            f"its {len(pages)} pages have {count} bands each, so none is the image alone"
        )
    check_bytes(len(pages) * height * width * np.dtype(kind).itemsize, path)
    read = []
    for page in pages:
        with rasterio.open(page, driver="GTiff") as dataset:
            stored = dataset.read()
            read.append((stored, _missing(dataset, None, stored)))
    gaps = [np.zeros(s.shape, np.bool_) if missing is None else missing for s, missing in read]
    missing = np.concatenate(gaps) if any(gap.any() for gap in gaps) else None
    return RasterFile(np.concatenate([stored for stored, _ in read]), missing, None, len(pages))


def _alpha(
    dataset: DatasetReader, stored: NDArray[Any], alpha: bool | None, bands: int | None
) -> int | None:
    """The band that says which pixels are seen, from 0."""
    channel = alpha_channel(dataset)
    if channel is None or alpha is False:
        return None
    if alpha or dataset.driver == "PNG" or bands == dataset.count - 1:
        return channel
    if bands == dataset.count:
        return None
    share, hidden = share_between(stored[channel]), hides_all(stored, channel)
    return None if is_band(np.array([share]), np.array([hidden])) else channel


def _missing(
    dataset: DatasetReader, alpha: int | None, bands: NDArray[Any]
) -> NDArray[np.bool_] | None:
    if alpha is not None:
        hidden = bands[alpha] == 0
        return np.broadcast_to(hidden, bands.shape) if hidden.any() else None
    flags = {flag for band in dataset.mask_flag_enums for flag in band}
    if flags <= {MaskFlags.all_valid} or MaskFlags.alpha in flags:
        return None
    missing: NDArray[np.bool_] = dataset.read_masks() == 0
    return missing


def _palette(dataset: DatasetReader) -> NDArray[np.uint8] | None:
    if dataset.count != 1 or dataset.colorinterp[0] != ColorInterp.palette:
        return None
    colors = np.zeros((1 << 16, 3), np.uint8)
    for value, color in dataset.colormap(1).items():
        colors[value] = color[:3]
    return colors
