"""What is visible of a raster: every pixel where few are, every n-th where many are.

Zoomed out, a scene of 80 GB is seen through a few hundred rows; the file's own smaller copies
(overviews) are read where it has some. How many blocks of the file a view may unpack is bounded:
without overviews, pixels of large tiles come farther apart rather than late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.readers.gdal import quiet_gdal, scene_of_dataset
from spectile.data.scene import Scene
from spectile.errors import InputError

BUDGET = 128 << 20
"""Bytes of blocks that one thinned view may unpack."""
_AT_ONCE = 32 << 20
"""Bytes of pixels read by one call."""


@dataclass(frozen=True)
class Grid:
    """Rows and columns that are looked at: every `step`-th from the first on."""

    row: int
    column: int
    height: int
    """Rows looked at."""
    width: int
    step: int

    @property
    def rows(self) -> NDArray[np.intp]:
        return self.row + self.step * np.arange(self.height)

    @property
    def columns(self) -> NDArray[np.intp]:
        return self.column + self.step * np.arange(self.width)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First column, first row, width and height in pixels of the raster that it stands for."""
        return self.column, self.row, self.width * self.step, self.height * self.step

    def inside(self, other: Grid) -> bool:
        """Whether `other` shows all that this does, at least as finely."""
        left, top, width, height = self.box
        x, y, across, down = other.box
        covered = x <= left and y <= top and x + across >= left + width and y + down >= top + height
        return covered and other.step <= self.step


class Thinned:
    """A raster that is read as finely as it is looked at."""

    def __init__(self, raster: Scene) -> None:
        self.raster = raster

    def grid(
        self,
        rows: tuple[float, float],
        columns: tuple[float, float],
        *,
        most: int,
        bands: int,
    ) -> Grid:
        """What to read of the part between two rows and two columns.

        Neither side of it has more than `most` pixels, and no more blocks of `bands` bands have to
        be unpacked than :data:`BUDGET` allows, if the part isn't to be seen pixel by pixel.
        """
        top, bottom = _span(rows, self.raster.height)
        left, right = _span(columns, self.raster.width)
        step = max(1, math.ceil(max(bottom - top, right - left) / most))
        whole = self._grid(top, bottom, left, right, step)
        while whole.step > 1 and self._cost(whole, bands) > BUDGET:
            finer = max(whole.step + 1, math.ceil(whole.step * 1.25))
            coarser = self._grid(top, bottom, left, right, finer)
            if coarser.height == coarser.width == 1:
                break
            whole = coarser
        return whole

    def read(self, grid: Grid, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels (bands, h, w) of a grid, as the raster's own `read` gives them."""
        level = self._level(grid.step)
        if level is not None:
            smaller, factor = level
            rows = np.minimum((grid.rows + grid.step // 2) // factor, smaller.height - 1)
            columns = np.minimum((grid.columns + grid.step // 2) // factor, smaller.width - 1)
            window = _window_around(rows, columns)
            pixels = smaller.read(window, bands)
            picked: NDArray[Any] = pixels[
                :, (rows - rows[0])[:, None], (columns - columns[0])[None, :]
            ]
            return picked
        return self._read_strided(grid, bands)

    def pixel(self, row: int, column: int, bands: Sequence[int] | None = None) -> NDArray[Any]:
        """The values (bands,) of one pixel."""
        values: NDArray[Any] = self.raster.read(Window(column, row, 1, 1), bands)[:, 0, 0]
        return values

    def _grid(self, top: int, bottom: int, left: int, right: int, step: int) -> Grid:
        # On multiples of the step, so that panning shows the same pixels again.
        top, left = top // step * step, left // step * step
        height, width = math.ceil((bottom - top) / step), math.ceil((right - left) / step)
        height = min(height, -(-(self.raster.height - top) // step))
        width = min(width, -(-(self.raster.width - left) // step))
        return Grid(top, left, max(1, height), max(1, width), step)

    def _cost(self, grid: Grid, bands: int) -> float:
        """Bytes of the blocks that a grid lies in."""
        level = self._level(grid.step)
        raster, step = self.raster, grid.step
        if level is not None:
            raster, step = level[0], max(1, grid.step // level[1])
        size = raster.dtype.itemsize * (raster.bands if self._all_bands_together else bands)
        down, across = raster.reader.block
        rows = grid.height * max(down, 1) if step >= down else grid.height * step
        columns = grid.width * max(across, 1) if step >= across else grid.width * step
        if down == across == 1:  # free pixels, yet whole rows are read
            rows, columns = grid.height, grid.width * step
        return float(rows) * columns * size

    def _read_strided(self, grid: Grid, bands: Sequence[int]) -> NDArray[Any]:
        raster, step = self.raster, grid.step
        down, across = raster.reader.block
        if step > across > 1 and step >= down:
            return self._read_one_by_one(grid, bands)
        _, _, width, _ = grid.box
        width = min(width, raster.width - grid.column)
        row_bytes = width * len(bands) * raster.dtype.itemsize
        pixels = np.empty((len(bands), grid.height, grid.width), raster.dtype)
        # Single rows where those between would have to be read for nothing.
        together = 1 if step > 4 * down else max(1, _AT_ONCE // (row_bytes * step))
        for first in range(0, grid.height, together):
            rows = grid.rows[first : first + together]
            window = Window(grid.column, int(rows[0]), width, int(rows[-1] - rows[0]) + 1)
            pixels[:, first : first + len(rows)] = raster.read(window, bands)[:, ::step, ::step]
        return pixels

    def _read_one_by_one(self, grid: Grid, bands: Sequence[int]) -> NDArray[Any]:
        """A pixel out of each tile that is looked at."""
        pixels = np.empty((len(bands), grid.height, grid.width), self.raster.dtype)
        rows = np.minimum(grid.rows + grid.step // 2, self.raster.height - 1)
        columns = np.minimum(grid.columns + grid.step // 2, self.raster.width - 1)
        for i, row in enumerate(rows.tolist()):
            for j, column in enumerate(columns.tolist()):
                pixels[:, i, j] = self.pixel(row, column, bands)
        return pixels

    def _level(self, step: int) -> tuple[Scene, int] | None:
        """The coarsest smaller copy that is as fine as every `step`-th pixel, and its factor."""
        fitting = [level for level in self._levels if level[1] <= step]
        return max(fitting, key=lambda level: level[1], default=None)

    @cached_property
    def _levels(self) -> list[tuple[Scene, int]]:
        """The file's smaller copies of itself, where GDAL finds some."""
        name = self._name_for_gdal
        if name is None:
            return []
        found = []
        try:
            with quiet_gdal():
                with rasterio.open(name) as dataset:
                    factors = dataset.overviews(1)
                for level, factor in enumerate(factors):
                    copy = rasterio.open(name, OVERVIEW_LEVEL=level)
                    scene = scene_of_dataset(copy, self.raster.source)
                    if (scene.bands, scene.dtype) != (self.raster.bands, self.raster.dtype):
                        return []
                    found.append((scene, int(factor)))
        except (*GDAL_ERRORS, InputError, ValueError):
            return []
        return found

    @cached_property
    def _all_bands_together(self) -> bool:
        """Whether a block of one band is unpacked with those of all others."""
        name = self._name_for_gdal
        if name is None:
            return "BIP" in self.raster.format
        try:
            with quiet_gdal(), closing(rasterio.open(name)) as dataset:
                interleaving = dataset.interleaving
                return interleaving is not None and interleaving.name == "pixel"
        except GDAL_ERRORS:
            return False

    @cached_property
    def _name_for_gdal(self) -> str | None:
        source = self.raster.source
        return source if self.raster.files and Path(source).is_file() else None


def _span(ends: tuple[float, float], length: int) -> tuple[int, int]:
    """First and last whole pixel, the latter not included, of what lies between two ends."""
    low, high = sorted(ends)
    first = min(max(0, math.floor(low)), length - 1)
    return first, max(first + 1, min(length, math.ceil(high)))


def _window_around(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Window:
    return Window(
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    )
