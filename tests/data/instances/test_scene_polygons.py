"""Polygons on a scene as objects of its tiles."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from spectile.data.instances.scene_polygons import instances_of_scene
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN
from spectile.errors import InputError

LEFT, TOP, PIXEL = 4e5, 5.8e6, 10.0


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    with rasterio.open(
        tmp_path / "scene.tif",
        "w",
        driver="GTiff",
        height=60,
        width=80,
        count=3,
        dtype="uint8",
        crs="EPSG:32633",
        transform=from_origin(LEFT, TOP, PIXEL, PIXEL),
    ) as file:
        file.write(np.random.default_rng(0).integers(0, 255, (3, 60, 80)).astype(np.uint8))
    return open_scene(tmp_path / "scene.tif")


def square(column: float, row: float, edge: float) -> shapely.Polygon:
    """A square in the scene's coordinates, from its pixels."""
    x, y = LEFT + PIXEL * column, TOP - PIXEL * row
    return shapely.box(x, y - PIXEL * edge, x + PIXEL * edge, y)


def written(
    folder: Path, shapes: list[object], system: str = "EPSG:32633", **columns: object
) -> Path:
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:32633").to_crs(system)
    frame.to_file(folder / "fields.gpkg", driver="GPKG")
    return folder / "fields.gpkg"


GRID = [square(4 + 20 * column, 4 + 20 * row, 11) for row in range(3) for column in range(4)]


@pytest.mark.parametrize("system", ["EPSG:32633", "EPSG:4326"])
def test_objects_lie_in_their_tiles(scene: Scene, system: str, tmp_path: Path) -> None:
    crops = ["wheat", "rape"] * 6
    path = written(tmp_path, list(GRID), system, crop=crops)
    found = instances_of_scene(scene, path, column="Crop", tile=20)
    assert found.legend.names == ("rape", "wheat")
    assert len(found) == 12
    for objects in found.objects:
        assert objects.boxes.tolist() == [[4, 4, 15, 15]]
        assert objects.masks[0].all()
        assert not objects.ignored.any()
    assert found.images.read(0).shape == (3, 20, 20)
    sides = [found.select(side) for side in (TRAIN, TEST)]
    assert all(len(side) for side in sides)
    assert "0 of 12 objects lie across a border" in (found.verdict or "")


def test_what_lies_across_a_border_is_told(scene: Scene, tmp_path: Path) -> None:
    wide = shapely.union_all([square(18, 24, 8), square(22, 24, 8)])
    path = written(tmp_path, [*GRID, wide])
    found = instances_of_scene(scene, path, tile=20)
    tiles = {found.images.name(at): at for at in range(len(found))}
    left, right = (
        found.objects[tiles[f"rows 20-39, columns {columns}"]] for columns in ("0-19", "20-39")
    )
    assert len(left) == len(right) == 2
    sides = {int(found.sides[tiles[f"rows 20-39, columns {c}"]]) for c in ("0-19", "20-39")}
    # Two pixels of twelve columns are in the left tile: too little to ask for.
    assert left.ignored.tolist() == [False, True]
    assert right.ignored.tolist() == [False, len(sides) > 1]
    crossing = int(len(sides) > 1)
    assert f"{crossing} of 13 objects lie across" in (found.verdict or "")
    of_all_sides = sum(int(found.counts(side).sum()) for side in (TRAIN, 2, TEST))
    assert of_all_sides == 13 - crossing


def test_what_polygons_are_not_is_told(scene: Scene, tmp_path: Path) -> None:
    corners = [(260, 40), (340, 40), (260, 110), (340, 110)]
    bow = shapely.Polygon([(LEFT + x, TOP - y) for x, y in corners])
    shapes = [
        *GRID,
        bow,
        shapely.Point(LEFT + 50, TOP - 50),
        square(100, 4, 5),
        square(76, 50, 8),
        square(30, 30, 2),
    ]
    names = [*["a"] * 16, None]
    path = written(tmp_path, shapes, name=names)
    found = instances_of_scene(scene, path, column="name", tile=20)
    told = " ".join(found.notes)
    for sentence in (
        "1 features cover no ground",
        "1 polygons cross themselves",
        "1 polygons lie outside the scene",
        "1 polygons reach beyond the scene",
        "1 polygons have no class",
    ):
        assert sentence in told


@pytest.mark.parametrize(
    ("shapes", "column", "says"),
    [
        ([square(200, 200, 5)], None, "No polygon of .* lies inside"),
        ([shapely.Point(LEFT + 50, TOP - 50)], None, "No polygon of"),
        ([square(4, 4, 5)], None, "all objects of .* lie in one tile"),
        ([square(4, 4, 5)], "crop", "none is called crop"),
    ],
)
def test_polygons_that_nothing_can_be_learnt_from(
    scene: Scene, shapes: list[object], column: str | None, says: str, tmp_path: Path
) -> None:
    path = written(tmp_path, shapes, kind=["x"] * len(shapes))
    with pytest.raises(InputError, match=says):
        instances_of_scene(scene, path, column=column, tile=20)
