"""A scene thinned out to every n-th row and column, for looking at it in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.scene import Scene

_BYTES_AT_ONCE = 64 << 20


def read_thinned(scene: Scene, bands: Sequence[int], step: int) -> NDArray[Any]:
    """Every `step`-th row and column of `bands`, from the first on, as (bands, rows, columns).

    Each block of the file is read once: GDAL's own decimation unpacks a compressed block again
    for every row that it wants of it, which took minutes on a scene of 200 bands in tiles.
    """
    rows = range(0, scene.height, step)
    columns = range(0, scene.width, step)
    thinned = np.empty((len(bands), len(rows), len(columns)), dtype=scene.dtype)
    for first, last in _strips(scene, len(bands), rows):
        height = rows[last] - rows[first] + 1
        strip = scene.read(Window(0, rows[first], scene.width, height), bands)
        thinned[:, first : last + 1] = strip[:, ::step, ::step]
    return thinned


def _strips(scene: Scene, bands: int, rows: range) -> Iterator[tuple[int, int]]:
    """First and last index into `rows` of what to read together: rows of the same blocks."""
    row_bytes = scene.width * bands * scene.dtype.itemsize
    most = max(1, _BYTES_AT_ONCE // row_bytes)
    block = scene.reader.block[0]
    first = 0
    for index in range(1, len(rows) + 1):
        if (
            index == len(rows)
            or rows[index] // block != rows[first] // block
            or rows[index] - rows[first] >= most
        ):
            yield first, index - 1
            first = index
