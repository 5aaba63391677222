"""Features and scenes in two coordinate systems: the date line, long edges, and what lies apart."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from rasterio.transform import from_origin
from rasterio.warp import transform
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon, box

from spectile.data.labels.labels import open_labels
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError

STEP = 1e-4
CHECKS = np.indices((6, 8)).sum(axis=0) % 3 + 1
"""A class for each cell of 4 x 4 pixels."""

NO_SYSTEM = pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
"""What pyogrio says when a test writes features without one."""


def scene(crs, grid, height=24, width=32):
    pixels = np.zeros((1, height, width), np.float32)
    return scene_from_array(pixels, crs=crs, transform=grid, source="scene.tif")


def checks(grid):
    """The cells as polygons in the scene's own coordinates, with their classes."""
    areas, classes = [], []
    for (row, column), value in np.ndenumerate(CHECKS):
        left, top = grid @ (4 * column, 4 * row)
        right, bottom = grid @ (4 * column + 4, 4 * row + 4)
        areas.append(box(left, bottom, right, top))
        classes.append(int(value))
    return areas, classes


def cut_at_180(areas, classes):
    """Each polygon as RFC 7946 has it: what lies beyond 180 degrees a turn further west."""
    parts = []
    for area, value in zip(areas, classes, strict=True):
        west, east = area & box(-180, -90, 180, 90), area & box(180, -90, 540, 90)
        parts += [(part, value) for part in (west, translate(east, -360)) if part.area]
    return [part for part, _ in parts], [value for _, value in parts]


def check(path, like, areas, classes, crs="EPSG:4326"):
    gpd.GeoDataFrame({"class": classes}, geometry=areas, crs=crs).to_file(path)
    labels = open_labels(path, like=like)
    expected = np.repeat(np.repeat(CHECKS, 4, axis=0), 4, axis=1)
    np.testing.assert_array_equal(labels.classes, expected)
    return labels


def whole_parts(areas, classes):
    """One feature a class, its parts on both sides of the line."""
    return [
        MultiPolygon([a for a, c in zip(areas, classes, strict=True) if c == value])
        for value in (1, 2, 3)
    ], [1, 2, 3]


@pytest.mark.parametrize("west", [179.9985, -180.0015, 539.9985], ids=["180", "-180", "540"])
@pytest.mark.parametrize("written", ["cut", "parts", "beyond", "jumping"])
@pytest.mark.parametrize("suffix", ["gpkg", "geojson"])
def test_a_scene_in_degrees_across_the_date_line(tmp_path, west, written, suffix):
    grid = from_origin(west, -17, STEP, STEP)
    areas, classes = checks(from_origin(179.9985, -17, STEP, STEP))
    if written != "beyond":
        cut = cut_at_180(areas, classes)
        areas, classes = {"cut": cut, "parts": whole_parts(*cut)}.get(written, (areas, classes))
    if written == "jumping":  # each vertex between -180 and 180, as projecting them makes it
        areas = [
            Polygon([((x + 180) % 360 - 180, y) for x, y in area.exterior.coords]) for area in areas
        ]
    labels = check(tmp_path / f"f.{suffix}", scene("EPSG:4326", grid), areas, classes)
    jumped = any("the short way round" in note for note in labels.notes)
    assert jumped == (written == "jumping")


@pytest.mark.parametrize("written", ["cut", "jumping"])
def test_a_scene_in_metres_across_the_date_line(tmp_path, written):
    (x,), (y,) = transform("EPSG:4326", "EPSG:32760", [180], [-17])
    grid = from_origin(round(x) - 155, round(y), 10, 10)
    like, (areas, classes) = scene("EPSG:32760", grid), checks(grid)
    degrees = gpd.GeoSeries(areas, crs="EPSG:32760").to_crs("EPSG:4326")
    assert degrees.total_bounds[0] < -179
    assert degrees.total_bounds[2] > 179
    found = list(degrees)
    if written == "cut":
        east = [
            Polygon([(x % 360, y) for x, y in area.exterior.coords]) for area in degrees.to_list()
        ]
        found, classes = cut_at_180(east, classes)
    check(tmp_path / "f.gpkg", like, found, classes)


def test_polygons_in_metres_on_a_scene_in_degrees_across_the_date_line(tmp_path):
    grid = from_origin(179.9985, -17, STEP, STEP)
    areas, classes = checks(grid)
    metres = gpd.GeoSeries(areas, crs="EPSG:4326").to_crs("EPSG:32760")
    check(tmp_path / "f.gpkg", scene("EPSG:4326", grid), list(metres), classes, "EPSG:32760")


def test_longitudes_from_0_to_360(tmp_path):
    grid = from_origin(-60.0, -17, STEP, STEP)
    areas, classes = checks(from_origin(300.0, -17, STEP, STEP))
    check(tmp_path / "f.gpkg", scene("EPSG:4326", grid), areas, classes)


def test_points_across_the_date_line(tmp_path):
    grid = from_origin(179.9985, -17, STEP, STEP)
    (tmp_path / "p.csv").write_text(
        "lon,lat,class\n-179.99995,-17.00005,1\n179.99855,-17.00005,2\n"
    )
    labels = open_labels(tmp_path / "p.csv", like=scene("EPSG:4326", grid))
    assert (labels.classes[0, 15], labels.classes[0, 0]) == (1, 2)


def test_a_long_edge_is_straight_in_the_files_system(tmp_path):
    """South of 60 degrees north, to the vertex: in UTM that parallel bends by 380 m, 38 pixels."""
    grid = from_origin(500_000, 6_652_000, 100, 100)
    like = scene("EPSG:32633", grid, 40, 1600)
    area = box(15, 59, 18, 60)
    path = tmp_path / "f.geojson"
    gpd.GeoDataFrame({"class": [1]}, geometry=[area], crs="EPSG:4326").to_file(path)
    labels = open_labels(path, like=like)
    rows, columns = np.mgrid[:40, :1600] + 0.5
    x, y = 500_000 + 100 * columns.ravel(), 6_652_000 - 100 * rows.ravel()
    degrees = gpd.GeoSeries(gpd.points_from_xy(x, y, crs="EPSG:32633")).to_crs("EPSG:4326")
    inside = (degrees.x > 15) & (degrees.x < 18) & (degrees.y < 60)
    wrong = labels.classes.ravel() != inside.to_numpy()
    assert wrong.mean() < 1e-3


def test_a_map_of_the_world_meets_a_small_scene(tmp_path):
    grid = from_origin(500_000, 5_800_000, 10, 10)
    path = tmp_path / "land.geojson"
    world = box(-180, -90, 180, 90)
    gpd.GeoDataFrame({"class": [1]}, geometry=[world], crs="EPSG:4326").to_file(path)
    assert (open_labels(path, like=scene("EPSG:32633", grid)).classes == 1).all()


@NO_SYSTEM
def test_a_hint_where_nothing_lies_inside(tmp_path):
    grid = from_origin(500_000, 5_800_000, 10, 10)
    like = scene("EPSG:32633", grid)
    areas, classes = checks(grid)
    degrees = gpd.GeoSeries(areas, crs="EPSG:32633").to_crs("EPSG:4326")
    swapped = [Polygon([(y, x) for x, y in area.exterior.coords]) for area in degrees]
    for found, crs, words in (
        (swapped, "EPSG:4326", "with x and y swapped"),
        (list(degrees), None, r"look like degrees.*EPSG:4326"),
        ([translate(area, 1e5) for area in areas], "EPSG:32633", r"x 600000 to 600320"),
    ):
        path = tmp_path / f"{len(words)}.gpkg"
        gpd.GeoDataFrame({"class": classes}, geometry=found, crs=crs).to_file(path)
        with pytest.raises(InputError, match=words):
            open_labels(path, like=like)


@NO_SYSTEM
def test_features_and_scene_that_both_name_no_system(tmp_path):
    grid = from_origin(100, 200, 1, 1)
    areas, classes = checks(grid)
    labels = check(tmp_path / "f.gpkg", scene(None, grid), areas, classes, None)
    assert any("names no coordinate system" in note for note in labels.notes)
    gpd.GeoDataFrame({"class": classes}, geometry=areas, crs=32633).to_file(tmp_path / "g.gpkg")
    with pytest.raises(InputError, match=r"scene\.tif has no coordinate system.*gdal_edit"):
        open_labels(tmp_path / "g.gpkg", like=scene(None, grid))
