"""How much of a label file the scene's pixels get, class by class, and what is said of the rest."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import Point, box

from spectile.data.labels.counts import shown_columns
from spectile.data.labels.labels import Labels, open_labels
from spectile.data.readers.in_memory import scene_from_array

LEFT, TOP = 500_000, 5_800_000


def scene():
    grid = from_origin(LEFT, TOP, 10, 10)
    return scene_from_array(np.zeros((1, 6, 8), np.float32), crs="EPSG:32633", transform=grid)


def cells(row, column, height=1, width=1):
    left, top = LEFT + 10 * column, TOP - 10 * row
    return box(left, top - 10 * height, left + 10 * width, top)


def counted(labels: Labels) -> dict[str, dict[str, int]]:
    """What isn't 0, by class."""
    assert labels.tally is not None
    rows = labels.tally.as_dict()["classes"]
    return {name: {key: n for key, n in row.items() if n} for name, row in rows.items()}


@pytest.mark.parametrize("suffix", ["gpkg", "geojson"])
def test_features_outside_under_others_and_below_a_pixel(tmp_path, suffix):
    sliver = box(LEFT + 1, TOP - 9, LEFT + 3, TOP - 1)
    features = [
        ("corn", cells(0, 0, 3, 4)),
        ("corn", cells(900, 0)),
        ("oats", cells(2, 0, 2, 4)),
        ("oats", sliver),
        ("rye", cells(5, 5, 1, 9)),
        ("hedge", sliver),
        ("well", cells(5, 0)),
        ("corn", cells(5, 0)),
        (None, cells(4, 4)),
    ]
    names, areas = zip(*features, strict=True)
    path = tmp_path / f"f.{suffix}"
    gpd.GeoDataFrame({"class": names}, geometry=list(areas), crs="EPSG:32633").to_file(path)
    labels = open_labels(path, like=scene())
    assert counted(labels) == {
        "corn": {"in_file": 3, "outside": 1, "covered": 13, "under_others": 4, "pixels": 9},
        "hedge": {"in_file": 1, "too_small": 1},
        "oats": {"in_file": 2, "too_small": 1, "covered": 8, "pixels": 8},
        "rye": {"in_file": 1, "beyond": 1, "covered": 3, "pixels": 3},
        "well": {"in_file": 1, "covered": 1, "under_others": 1},
    }
    said = " ".join(labels.notes)
    for words in (
        "1 features have no class",
        "1 features lie outside the scene",
        "1 features reach beyond the scene",
        "2 features cover the centre of no pixel",
        "5 pixels lie under features of different classes",
        "hedge got no pixel",
        "well got no pixel",
    ):
        assert words in said


def test_points(tmp_path):
    points = "row,col,class\n0,0,a\n0,0,a\n0,1,a\n0,1,b\n9,9,b\n8,8,c\n"
    (tmp_path / "p.csv").write_text(points)
    labels = open_labels(tmp_path / "p.csv", like=scene())
    assert counted(labels) == {
        "a": {"in_file": 3, "covered": 2, "under_others": 1, "pixels": 1},
        "b": {"in_file": 2, "outside": 1, "covered": 1, "pixels": 1},
        "c": {"in_file": 1, "outside": 1},
    }
    assert any("the class c got no pixel" in note for note in labels.notes)


def test_a_raster_on_another_grid(tmp_path):
    """Shifted by two columns: what of it lies east of the scene is counted, and told."""
    values = np.array([[1, 1, 1, 1, 1, 1, 2, 3]] * 6, np.uint8)
    grid = from_origin(LEFT + 20, TOP, 10, 10)
    profile = {"driver": "GTiff", "height": 6, "width": 8, "count": 1, "dtype": "uint8"}
    with rasterio.open(
        tmp_path / "l.tif", "w", crs="EPSG:32633", transform=grid, **profile
    ) as file:
        file.write(values, 1)
    labels = open_labels(tmp_path / "l.tif", like=scene())
    assert counted(labels) == {
        "class 1": {"in_file": 36, "covered": 36, "pixels": 36},
        "class 2": {"in_file": 6, "outside": 6},
        "class 3": {"in_file": 6, "outside": 6},
    }
    assert any("12 labelled pixels lie outside the scene" in note for note in labels.notes)
    assert any("the class 3 got no pixel" in note for note in labels.notes)


def test_the_table_shows_what_tells_something(tmp_path):
    np.save(tmp_path / "l.npy", np.ones((6, 8), np.uint8))
    whole = open_labels(tmp_path / "l.npy", like=scene()).tally.as_dict()
    assert shown_columns(whole) is None
    assert [key for key, _ in shown_columns(whole, every=True)] == ["in_file", "pixels"]
    frame = gpd.GeoDataFrame({"class": ["a"]}, geometry=[Point(LEFT + 5, TOP - 5)], crs=32633)
    frame.to_file(tmp_path / "f.gpkg")
    told = open_labels(tmp_path / "f.gpkg", like=scene()).tally.as_dict()
    assert shown_columns(told) == [("in_file", "features in the file"), ("pixels", "pixels")]


def test_pixels_without_data_are_counted_by_class(tmp_path):
    np.save(tmp_path / "l.npy", np.repeat([[1] * 4 + [2] * 4], 6, axis=0))
    tally = open_labels(tmp_path / "l.npy", like=scene()).tally.without_data({"class 1": 5})
    one, two = tally.as_dict()["classes"].values()
    assert (one["no_data"], one["pixels"], one["under_others"]) == (5, 19, 0)
    assert (two["no_data"], two["pixels"]) == (0, 24)
