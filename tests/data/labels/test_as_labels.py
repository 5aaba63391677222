"""What stands for labels in a notebook: arrays, DataArrays, GeoDataFrames, paths."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import xarray as xr
from rasterio.crs import CRS
from rasterio.transform import from_origin
from shapely.geometry import box

from spectile.data.labels.as_labels import as_labels
from spectile.data.labels.labels import labels_from_array
from spectile.data.labels.legend import make_legend
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.errors import InputError

CLASSES = np.array([[0, 2, 2, 0], [7, 7, 0, 2], [0, 0, 7, 7]])


@pytest.fixture
def scene() -> Scene:
    pixels = np.ones((2, 3, 4), np.float32)
    return scene_from_array(
        pixels, crs=CRS.from_epsg(32633), transform=from_origin(400, 900, 10, 10)
    )


def test_an_array_keeps_its_numbers(scene: Scene) -> None:
    labels = as_labels(CLASSES, like=scene)
    assert labels.legend.values == (2, 7)
    assert np.array_equal(labels.classes, np.select([CLASSES == 2, CLASSES == 7], [1, 2], 0))


def test_a_legend_names_an_array(scene: Scene) -> None:
    legend = make_legend([2, 7, 9], {2: "oats", 7: "rye", 9: "hay"}, {})
    labels = as_labels(CLASSES, like=scene, legend=legend)
    assert labels.legend.names == ("oats", "rye", "hay")


def test_labels_are_taken_as_they_are(scene: Scene) -> None:
    labels = labels_from_array(CLASSES)
    assert as_labels(labels, like=scene) is labels


def test_polygons_in_memory_are_drawn_on_the_scene(scene: Scene) -> None:
    frame = geopandas.GeoDataFrame(
        {"crop": ["rye", "oats"]},
        geometry=[box(400, 880, 420, 900), box(420, 870, 440, 880)],
        crs=32633,
    )
    labels = as_labels(frame, like=scene, column="crop")
    named = np.array(["", *labels.legend.names])[labels.classes]
    assert named.tolist() == [
        ["rye", "rye", "", ""],
        ["rye", "rye", "", ""],
        ["", "", "oats", "oats"],
    ]


def test_a_data_array_is_read_by_its_dimensions(scene: Scene) -> None:
    array = xr.DataArray(CLASSES.T[None], dims=("band", "x", "y"))
    assert np.array_equal(
        as_labels(array, like=scene).classes, as_labels(CLASSES, like=scene).classes
    )


def test_a_data_array_that_lies_elsewhere_is_refused(scene: Scene) -> None:
    array = xr.DataArray(
        CLASSES,
        dims=("y", "x"),
        coords={"y": [895.0, 885.0, 875.0], "x": [505.0, 515.0, 525.0, 535.0]},
    )
    array = array.assign_coords(spatial_ref=0)
    array.spatial_ref.attrs["crs_wkt"] = CRS.from_epsg(32633).to_wkt()
    with pytest.raises(InputError, match="another grid"):
        as_labels(array, like=scene)


def test_a_path_is_opened(scene: Scene, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", CLASSES)
    assert as_labels(tmp_path / "labels.npy", like=scene).legend.values == (2, 7)


def test_what_is_no_labels_is_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match="a dict is no labels"):
        as_labels({}, like=scene)
    with pytest.raises(InputError, match="3 x 3 pixels"):
        as_labels(CLASSES[:, :3], like=scene)
