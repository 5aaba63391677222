"""Coordinates brought from one system into another, through PROJ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import array_bounds

from spectile.errors import InputError
from spectile.scenes.scene import Scene

Box = tuple[float, float, float, float]
"""West, south, east and north."""


def scene_box(scene: Scene) -> Box:
    """The box around a scene with a transform, whichever way its rows and columns run."""
    left, bottom, right, top = array_bounds(scene.height, scene.width, scene.transform)
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


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
