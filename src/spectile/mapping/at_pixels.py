"""What a model says of some pixels of a scene, without a map of all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.mask import Mask
from spectile.data.preprocessing.components import tiles_holding
from spectile.data.scene import Scene
from spectile.mapping.area import Area
from spectile.mapping.compute import Compute
from spectile.mapping.mapper import mapper_or_patches
from spectile.model.model import Model
from spectile.model.trained_task import WindowTask

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
    number = np.zeros((scene.height, scene.width), np.int32)
    number[rows, columns] = np.arange(1, len(rows) + 1)

    def read(window: Window) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = number[window.toslices()] > 0
        return inside

    mapper, _ = mapper_or_patches(model, scene, compute)
    edge = mapper.tile_edge(compute.memory)
    if isinstance(model.trained_for, WindowTask):
        edge = min(edge, EDGE)
    area = Area.of(scene, mask=Mask("the pixels asked for", read))
    windows, _ = area.windows(mapper.tiles(edge))
    found = np.full((len(rows), len(model.legend)), np.nan, np.float32)
    for part in mapper.parts(area.tile(window) for window in mapper.in_order(windows, 0)):
        asked = number[part.window.toslices()] * (part.classes > 0)
        found[asked[asked > 0] - 1] = part.probabilities[:, asked > 0].T
    return found


def sample_in_squares(
    rows: NDArray[np.int64], columns: NDArray[np.int64], count: int, *, seed: int
) -> NDArray[np.int64]:
    """Indices, in rising order, of about `count` of the pixels (N,), all where there are no more.

    Whole squares of pixels are drawn, until there are enough: pixels that lie together share most
    of the work of being classified.
    """
    if len(rows) <= count:
        return np.arange(len(rows))
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    squares = [members for _, members in tiles_holding(rows, columns, height, width, EDGE)]
    drawn = np.random.default_rng(seed).permutation(len(squares))
    picked: list[NDArray[np.int64]] = []
    held = 0
    for square in drawn:
        picked.append(squares[square])
        held += len(squares[square])
        if held >= count:
            break
    chosen: NDArray[np.int64] = np.sort(np.concatenate(picked))
    return chosen
