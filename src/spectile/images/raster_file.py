"""What GDAL finds in one TIFF or 16-bit PNG: all its bands, what is missing, its palette."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from spectile.images.unreadable import check_bytes
from spectile.scenes.offline import OFFLINE

DRIVERS = {"tiff": "GTiff", "png": "PNG"}
"""By the kind that the first bytes say.

Left to choose, GDAL follows recipes too: a VRT that calls itself an image makes it open any file.
"""


@dataclass(frozen=True, eq=False)
class RasterFile:
    """The bands of an image file as stored, without its alpha channel."""

    bands: NDArray[Any]
    """Shape (bands, H, W)."""
    missing: NDArray[np.bool_] | None
    """Where nodata, a mask or a transparent pixel says so; shape (bands, H, W)."""
    palette: NDArray[np.uint8] | None
    """Red, green and blue of the values of a single band, shape (65536, 3)."""


def read_raster(path: str | os.PathLike[str], kind: str) -> RasterFile:
    """Read a whole file of a `kind` of DRIVERS; call it under :func:`unreadable.damage_named`.

    A channel marked as alpha that holds nothing between transparent and opaque is a mask. One
    that does is kept as a band in a TIFF, for GDAL marks the fourth band of any 8-bit TIFF as
    alpha, and more often it is the near infrared; in a PNG it is always alpha.
    """
    # A folder of thousands is else listed anew for each of its files.
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE", **OFFLINE),
        rasterio.open(Path(path).absolute(), driver=DRIVERS[kind]) as dataset,
    ):
        kinds = sorted(set(dataset.dtypes))
        if len(kinds) != 1:
            raise ValueError(f"its bands are of the types {', '.join(kinds)}")
        size = dataset.count * dataset.height * dataset.width * np.dtype(kinds[0]).itemsize
        check_bytes(size, path)
        bands = dataset.read()
        alpha = _alpha(dataset, bands)
        missing = _missing(dataset, alpha, bands)
        if alpha is not None:
            kept = [band for band in range(len(bands)) if band != alpha]
            bands = bands[kept]
            missing = missing[kept] if missing is not None else None
        if not len(bands):
            raise ValueError("it has no bands beside its alpha channel")
        return RasterFile(bands, missing, _palette(dataset))


def _alpha(dataset: DatasetReader, bands: NDArray[Any]) -> int | None:
    """The band that says which pixels are seen, from 0."""
    marked = [i for i, kind in enumerate(dataset.colorinterp) if kind == ColorInterp.alpha]
    if not marked or dataset.count == 1:
        return None
    channel = bands[marked[0]]
    if dataset.driver == "PNG":
        return marked[0]
    most = np.iinfo(channel.dtype).max if channel.dtype.kind in "iu" else 1
    return marked[0] if bool(np.isin(channel, (0, most)).all()) else None


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
