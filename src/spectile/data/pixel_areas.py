"""How much ground a pixel covers: on the ellipsoid, whatever the projection makes of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from spectile.data.projection import is_placed
from spectile.data.scene import Scene

HECTARE = 1e4
"""In square metres."""


def row_hectares(scene: Scene) -> NDArray[np.float64] | None:
    """The area of the pixel in the middle of each row, in hectares (H,).

    In degrees or in any projection: a pixel of 10 m in web Mercator is 41 square metres at 50
    degrees north. None for a scene that doesn't tell where on Earth it lies.
    """
    if not is_placed(scene) or scene.crs is None or scene.transform is None:
        return None
    try:
        crs = CRS.from_wkt(scene.crs.to_wkt())
        degrees, geod = crs.geodetic_crs, crs.get_geod()
        if degrees is None or geod is None:
            return None
        to_degrees = Transformer.from_crs(crs, degrees, always_xy=True)
    except ProjError:
        return None
    # The middles of a pixel's sides: left, right, upper, lower.
    columns = scene.width / 2 + np.array([[-0.5], [0.5], [0], [0]])
    rows = np.arange(scene.height) + 0.5 + np.array([[0], [0], [-0.5], [0.5]])
    grid = scene.transform
    x, y = (
        grid.a * columns + grid.b * rows + grid.c,
        grid.d * columns + grid.e * rows + grid.f,
    )
    unit = degrees.axis_info[0].unit_conversion_factor
    longitude, latitude = (np.asarray(axis) * unit for axis in to_degrees.transform(x, y))
    with np.errstate(invalid="ignore"):  # infinite where the projection doesn't reach
        east = np.remainder(np.diff(longitude, axis=0)[::2] + np.pi, 2 * np.pi) - np.pi
        north = np.diff(latitude, axis=0)[::2]
        radians = np.abs(east[0] * north[1] - east[1] * north[0])
        sine = np.sin(latitude[2:].mean(axis=0))
        # The radii of curvature along the meridian and across it: Snyder, "Map Projections", 1987,
        # equations 4-18 and 4-20.
        across = geod.a / np.sqrt(1 - geod.es * sine**2)
        along = across * (1 - geod.es) / (1 - geod.es * sine**2)
        areas: NDArray[np.float64] = radians * along * across * np.sqrt(1 - sine**2) / HECTARE
    return areas if (np.isfinite(areas) & (areas > 0)).all() else None
