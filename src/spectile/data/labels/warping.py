"""A label raster on the grid of a scene, by the value at the centre of each of its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.enums import Resampling
from rasterio.errors import CRSError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.scene import Scene
from spectile.errors import InputError


@contextmanager
def on_the_grid_of(
    like: Scene, dataset: DatasetReader, raster: Scene, *, outside_hidden: bool = False
) -> Iterator[WarpedVRT]:
    """The dataset of a `raster` as GDAL warps it onto the grid of `like`, nearest neighbour.

    Pixels outside the raster are 0, which is a value where that counts: with `outside_hidden`
    the mask tells them. Raises InputError, also for what is read of it in the ``with`` block.
    """
    try:
        with WarpedVRT(
            dataset,
            src_crs=raster.crs,
            crs=like.crs,
            transform=like.transform,
            width=like.width,
            height=like.height,
            resampling=Resampling.nearest,
            add_alpha=outside_hidden and dataset.nodata is None,
        ) as aligned:
            yield aligned
    except (*GDAL_ERRORS, CRSError) as error:
        raise InputError(
            f"{raster.source} can't be brought onto the grid of {like.source}: "
            "check that the file is whole, or reproject it first."
        ) from error
