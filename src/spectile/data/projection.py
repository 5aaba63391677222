"""Coordinates brought from one system into another, through PROJ."""

from __future__ import annotations

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import array_bounds

from spectile.data.scene import Scene
from spectile.errors import InputError

Box = tuple[float, float, float, float]
"""West, south, east and north."""


def is_placed(scene: Scene) -> bool:
    """Whether a scene says where on Earth it lies."""
    return scene.crs is not None and scene.transform not in (None, Affine.identity())


def same_grid(raster: Scene, like: Scene) -> bool:
    """Whether two placed scenes share rows and columns."""
    if (raster.height, raster.width) != (like.height, like.width) or raster.crs != like.crs:
        return False
    theirs, ours = (np.array(tuple(scene.transform or ())[:6]) for scene in (raster, like))
    size = np.abs(ours[[0, 1, 3, 4]]).max()
    apart = np.abs(theirs - ours) / size
    # Less than a thousandth of a pixel in the first place, and even in the last of 10,000.
    return bool((apart[[2, 5]] < 1e-3).all() and (apart[[0, 1, 3, 4]] < 1e-7).all())


def boxes_meet(one: Box, other: Box) -> bool:
    """Whether two boxes in one system share more than an edge."""
    return one[0] < other[2] and one[2] > other[0] and one[1] < other[3] and one[3] > other[1]


def scene_box(scene: Scene) -> Box:
    """The box around a scene with a transform, whichever way its rows and columns run."""
    return grid_box(scene.height, scene.width, scene.transform)


def grid_box(height: int, width: int, transform: Affine | None) -> Box:
    """The box around `height` rows and `width` columns."""
    left, bottom, right, top = array_bounds(height, width, transform)
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def nearest_turn(degrees: NDArray[np.float64], middle: float) -> NDArray[np.float64]:
    """Longitudes a whole turn further where that brings them nearer to `middle`."""
    with np.errstate(invalid="ignore"):  # what a projection doesn't reach is infinite
        return degrees - 360 * np.round((degrees - middle) / 360)


def project_points(
    x: NDArray[np.float64], y: NDArray[np.float64], source: CRS, target: CRS, what: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X and y of points in `target`, infinite where it doesn't reach; degrees are lon, lat.

    Raises InputError, naming `what` is to be projected, if the systems have nothing in common.
    """
    across, up = _transformer(source, target, what).transform(x, y)
    return np.asarray(across, dtype=np.float64), np.asarray(up, dtype=np.float64)


def project_box(box: Box, source: CRS, target: CRS, what: str) -> Box | None:
    """The box around `box` in `target`; None where that doesn't reach or crosses the date line.

    Raises InputError, naming `what` is to be projected, if the systems have nothing in common.
    """
    transformer = _transformer(source, target, what)
    try:
        west, south, east, north = transformer.transform_bounds(*box)
    except ProjError:
        return None
    if not np.isfinite([west, south, east, north]).all() or west > east:
        return None
    return west, south, east, north


def _transformer(source: CRS, target: CRS, what: str) -> Transformer:
    try:
        return Transformer.from_crs(source.to_wkt(), target.to_wkt(), always_xy=True)
    except (ProjError, CRSError) as error:
        raise InputError(
            f"{what} can't be brought into the coordinate system of the scene: reproject it first."
        ) from error
