"""What a model says of some pixels of a scene, without a map of all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.mask import Mask
from spectile.data.scene import Scene
from spectile.mapping.area import Area
from spectile.mapping.compute import Compute
from spectile.mapping.mapper import Mapper, mapper_or_patches
from spectile.mapping.smoothing.smoothing_mapper import SmoothingMapper
from spectile.mapping.window_mapper import WindowMapper
from spectile.model.model import Model

EDGE = 64
"""Of the squares around the pixels, in pixels: small, for only what lies in them is computed."""


def probabilities_at(
    model: Model,
    scene: Scene,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    compute: Compute = Compute(),  # noqa: B008, frozen
) -> NDArray[np.float32]:
    """How probable each class is at the given pixels (N,): (N, classes), NaN where no data are.

    No pixel may be given twice. The numbers are those that a map has there. A network that can't
    be mapped densely goes patch by patch. Raises InputError if the scene's bands don't match the
    model's.
    """
    mapper, _ = mapper_or_patches(model, scene, compute)
    asked = AskedPixels(mapper, scene, rows, columns, compute.memory)
    return asked.probabilities(mapper, len(model.legend))


class AskedPixels:
    """Some pixels of a scene, and the tiles that a mapper needs for them: found once for many."""

    def __init__(
        self,
        mapper: Mapper,
        scene: Scene,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        memory: float,
        *,
        edge: int = EDGE,
    ) -> None:
        """Networks of windows run on squares of at most `edge` pixels a side."""
        self._count = len(rows)
        self._number = np.zeros((scene.height, scene.width), np.int32)
        self._number[rows, columns] = np.arange(1, self._count + 1)
        largest = mapper.tile_edge(memory)
        if isinstance(mapper, WindowMapper | SmoothingMapper):
            largest = min(largest, edge)
        self._area = Area.of(scene, mask=Mask("the pixels asked for", self._wanted))
        windows, _ = self._area.windows(mapper.tiles(largest))
        self._windows = mapper.in_order(windows, 0)

    def probabilities(self, mapper: Mapper, classes: int) -> NDArray[np.float32]:
        """What the mapper, or one with other pixels, says of them: as :func:`probabilities_at`."""
        found = np.full((self._count, classes), np.nan, np.float32)
        for part in mapper.parts(self._area.tile(window) for window in self._windows):
            asked = self._number[part.window.toslices()] * (part.classes > 0)
            found[asked[asked > 0] - 1] = part.probabilities[:, asked > 0].T
        return found

    def _wanted(self, window: Window) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = self._number[window.toslices()] > 0
        return inside


def sample_in_squares(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    count: int,
    *,
    seed: int,
    squares: int | None = None,
    edge: int = EDGE,
) -> NDArray[np.int64]:
    """Indices, in rising order, of about `count` of the pixels (N,), all where there are no more.

    Whole squares of `edge` pixels a side are drawn, until there are enough: pixels that lie
    together share most of the work of being classified. They are also much alike, so that a few
    large squares may be far from the whole. Scattered pixels may be fewer, in as many `squares`.
    """
    if len(rows) <= min(count, squares or count):
        return np.arange(len(rows))
    across = int(columns.max()) // edge + 1
    keys = rows // edge * across + columns // edge
    _, square, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    drawn = np.random.default_rng(seed).permutation(len(sizes))[:squares]
    enough = int(np.searchsorted(sizes[drawn].cumsum(), count)) + 1
    picked = np.zeros(len(sizes), np.bool_)
    picked[drawn[:enough]] = True
    chosen: NDArray[np.int64] = np.flatnonzero(picked[square])
    return chosen
