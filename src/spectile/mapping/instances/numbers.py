"""The raster of numbers beside a map of objects: which object each pixel belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.readers.gdal import quiet_gdal
from spectile.mapping.area import Area
from spectile.mapping.instances.joining import Key
from spectile.mapping.instances.object_windows import ObjectWindows
from spectile.mapping.instances.pieces import Piece, common
from spectile.mapping.instances.searched_windows import SearchedWindows
from spectile.mapping.output.geotiff import (
    SOFTWARE,
    SOFTWARE_TAG,
    Grid,
    RasterForm,
    WaitingPixels,
)
from spectile.mapping.tiles import intersection

NUMBERS = "numbers"
FORM = RasterForm("uint32", 0, ("number of the object",), holds_numbers=True)


def numbers_file(path: Path) -> Path:
    """The raster for the map of objects at `path`: fields_numbers.tif for fields.gpkg."""
    return path.with_name(f"{path.stem}_{NUMBERS}.tif")


def write_numbers(
    target: Path,
    waiting: Path,
    area: Area,
    windows: ObjectWindows,
    searched: SearchedWindows,
    number_of: Mapping[Key, int],
) -> None:
    """Write a GeoTIFF of the numbers that pieces have in the map, 0 where there is no object.

    Where objects overlap the pixel is the surest one's. `waiting` is where the pixels wait.
    """
    region, scene = area.region, area.scene
    grid = Grid(region.height, region.width, scene.crs, area.transform, scene.acquired)
    pixels = WaitingPixels(waiting, grid, FORM)
    waiting.unlink(missing_ok=True)
    pixels.create()
    near: dict[int, list[Piece]] = {}
    for number, core in enumerate(windows.grid.cores()):
        wanted = intersection(core, region)
        for gone in [other for other in near if other < windows.first_needed(number)]:
            del near[gone]
        if wanted is None:
            continue
        left, top = wanted.col_off, wanted.row_off
        box = (left, top, left + wanted.width, top + wanted.height)
        shown = []
        for other in windows.neighbours(number):
            if other not in near:
                near[other] = searched.read(other) if other in searched else []
            for place, piece in enumerate(near[other]):
                if (other, place) in number_of:
                    shown.append((piece.score, -number_of[other, place], piece))
        drawn = np.zeros((wanted.height, wanted.width), np.uint32)
        for _, negative, piece in sorted(shown, key=lambda one: one[:2]):
            start, first, stop, last = common(piece.box, box)
            if start < stop and first < last:
                drawn[first - top : last - top, start - left : stop - left][
                    piece.within(box)
                ] = -negative
        if drawn.any():
            pixels.write(area.in_map(wanted), drawn[None])
    pixels.finish(target)


def is_numbers(path: Path) -> bool:
    """Whether a file is such a raster of ours."""
    try:
        with quiet_gdal(), rasterio.open(path) as raster:
            signed = raster.tags().get(SOFTWARE_TAG) == SOFTWARE
            return bool(
                signed and raster.dtypes == ("uint32",) and raster.descriptions == FORM.bands
            )
    except (*GDAL_ERRORS, OSError):
        return False
