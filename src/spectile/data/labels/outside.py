"""How many labelled pixels of a raster on another grid lie outside a scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from spectile.data.labels.counts import count_values
from spectile.data.projection import project_points
from spectile.data.scene import Scene

EDGE = 65
"""Points along each side of the scene: projected, its sides are no straight lines."""


def count_outside(
    raster: Scene,
    like: Scene,
    windows: Iterable[Window],
    labelled: Callable[[Scene, Window], NDArray[np.int32]],
) -> tuple[dict[int, int], dict[int, int]]:
    """Pixels of each class in the raster, and of those whose centre lies outside the scene.

    `labelled` gives the class values of a window of the raster. Where the scene's outline can't
    be brought into the raster's system, none count as outside.
    """
    outline = _outline(raster, like)
    everywhere: Counter[int] = Counter()
    outside: Counter[int] = Counter()
    for window in windows:
        values = labelled(raster, window)
        everywhere.update(count_values(values))
        if outline is None or not (values > 0).any():
            continue
        beyond = rasterize(
            [(outline, 0)],
            out=np.ones(values.shape, np.uint8),
            transform=window_transform(window, raster.transform),
        )
        outside.update(count_values(np.where(beyond == 1, values, 0)))
    return dict(everywhere), dict(outside)


def _outline(raster: Scene, like: Scene) -> dict[str, object] | None:
    """The scene's outline in the raster's coordinates, as GeoJSON has polygons."""
    assert like.transform is not None  # both are placed
    assert like.crs is not None
    assert raster.crs is not None
    along = np.linspace(0, 1, EDGE)
    columns = np.concatenate([along, np.ones(EDGE), along[::-1], np.zeros(EDGE)]) * like.width
    rows = np.concatenate([np.zeros(EDGE), along, np.ones(EDGE), along[::-1]]) * like.height
    a, b, c, d, e, f = tuple(like.transform)[:6]
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    if raster.crs != like.crs:
        x, y = project_points(x, y, like.crs, raster.crs, like.source)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    if raster.crs.is_geographic and x.max() - x.min() > 180:
        return None  # across the date line
    ring = list(zip(x.tolist(), y.tolist(), strict=True))
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
