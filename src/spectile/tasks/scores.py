"""Comparing a map with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from spectile.data.labels.labels import Places
from spectile.data.labels.legend import Legend
from spectile.data.preprocessing.components import tiles_holding
from spectile.data.readers.gdal import quiet_gdal
from spectile.errors import InputError
from spectile.scoring.intervals import BlockCounts, block_counts
from spectile.scoring.squares import Grid

TILE = 512
"""Edge of a map's tiles, in pixels."""


def read_map(path: Path, legend: Legend, step: int = 1) -> NDArray[np.int32]:
    """Every `step`-th pixel of a class map (H, W): 0 without data, k the k-th class."""
    with quiet_gdal(), rasterio.open(path) as raster:
        height, width = -(-raster.height // step), -(-raster.width // step)
        values = raster.read(1, out_shape=(height, width))
    return places_in(legend, values)


def mapped_at(
    path: Path, legend: Legend, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The class indices, from 0, of a class map at the given pixels (N,); -1 without data."""
    with quiet_gdal(), rasterio.open(path) as raster:
        values = np.empty(len(rows), raster.dtypes[0])
        for window, members in tiles_holding(rows, columns, raster.height, raster.width, TILE):
            tile = raster.read(1, window=window)
            values[members] = tile[
                rows[members] - window.row_off, columns[members] - window.col_off
            ]
    return places_in(legend, values) - 1


def map_counts(mapped: NDArray[np.int32], pixels: Places, grid: Grid, classes: int) -> BlockCounts:
    """What is `mapped` at some pixels, by :func:`mapped_at`, held against them, square by square.

    Pixels where the map has no data are left out. Raises InputError where it has data in none.
    """
    rows, columns, truth = pixels
    known = mapped >= 0
    if not known.any():
        raise InputError("no labelled pixel has data in the scene: check that both lie together.")
    squares = grid.numbers(rows[known], columns[known])
    return block_counts(truth[known], mapped[known], squares, classes)


def places_in(legend: Legend, values: NDArray[Any]) -> NDArray[np.int32]:
    """Class indices, from 1, of a map's values; 0 for any other value."""
    table = np.zeros(max(*legend.values, int(values.max(initial=0))) + 1, np.int32)
    table[list(legend.values)] = np.arange(1, len(legend) + 1)
    indices: NDArray[np.int32] = table[values]
    return indices
