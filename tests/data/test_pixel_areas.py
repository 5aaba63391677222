"""Areas of pixels on the ellipsoid, whatever the projection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from pyproj import Geod, Transformer
from rasterio.crs import CRS
from rasterio.transform import from_origin, xy

from spectile.data.pixel_areas import row_hectares
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene


def scene(crs: CRS | None, transform: Affine | None, size: tuple[int, int] = (40, 30)) -> Scene:
    return replace(scene_from_array(np.zeros((1, *size))), crs=crs, transform=transform)


def measured(placed: Scene, row: int) -> float:
    """A row's pixel in the middle, in hectares, by the geodesics around it."""
    corners = [(0, 0), (0, 1), (1, 1), (1, 0)]
    column = placed.width // 2
    points = [xy(placed.transform, row + r, column + c, offset="ul") for c, r in corners]
    x, y = zip(*points, strict=True)
    if placed.crs.is_projected:
        to_degrees = Transformer.from_crs(placed.crs.to_wkt(), 4326, always_xy=True)
        x, y = to_degrees.transform(x, y)
    return abs(Geod(ellps="WGS84").polygon_area_perimeter(x, y)[0]) / 1e4


@pytest.mark.parametrize(
    ("code", "transform"),
    [
        (4326, from_origin(13, 52.5, 0.001, 0.002)),
        (4326, Affine(0.01, 0, 13, 0, 0.05, -1)),  # from south to north, over the equator
        (32633, from_origin(4e5, 5.8e6, 30, 30)),
        (32633, Affine(26, 10, 4e5, 15, -17, 5.8e6)),
        (4326, Affine(0.01, 0.002, 13, 0.002, -0.01, 52)),
        (3832, from_origin(3_326_084.7, -1e6, 900, 900)),  # over the date line
        (3857, from_origin(1.4e6, 6.9e6, 100, 100)),  # nearly three times too large
        (2263, from_origin(9.8e5, 2e5, 90, 90)),  # in feet
    ],
)
def test_areas_are_those_on_the_ellipsoid(code: int, transform: Affine) -> None:
    placed = scene(CRS.from_epsg(code), transform)
    areas = row_hectares(placed)
    assert areas is not None
    for row in (0, 17, 39):
        assert areas[row] == pytest.approx(measured(placed, row), rel=2e-4)


def test_all_rows_make_up_the_earth() -> None:
    globe = scene(CRS.from_epsg(4326), from_origin(-180, 90, 1, 1), (180, 360))
    areas = row_hectares(globe)
    assert areas is not None
    assert areas.sum() * 360 * 1e4 == pytest.approx(5.10065622e14, rel=1e-4)


@pytest.mark.parametrize(
    "placed",
    [
        scene(None, None),
        scene(CRS.from_epsg(32633), None),
        scene(None, from_origin(0, 0, 30, 30)),
        scene(CRS.from_wkt('LOCAL_CS["field",UNIT["metre",1]]'), from_origin(0, 9, 1, 1)),
        scene(CRS.from_epsg(32633), from_origin(1e15, 1e15, 30, 30)),
    ],
    ids=["nowhere", "no transform", "no system", "local", "off the Earth"],
)
def test_nothing_is_said_of_scenes_without_a_place(placed: Scene) -> None:
    assert row_hectares(placed) is None
