import contextlib

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, box

from spectile.data.labels.labels import open_labels
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError

LEFT, TOP = 500_000, 5_800_000
GRID = from_origin(LEFT, TOP, 10, 10)


def scene(crs="EPSG:32633", transform=GRID):
    return scene_from_array(
        np.zeros((1, 6, 8), np.float32), crs=crs, transform=transform, source="scene.tif"
    )


def cells(row, column, height=1, width=1):
    """The rectangle of whole pixels that begins at (row, column)."""
    return box(
        LEFT + 10 * column,
        TOP - 10 * (row + height),
        LEFT + 10 * (column + width),
        TOP - 10 * row,
    )


def write(path, geometries, crs="EPSG:32633", to_crs=None, layer=None, **columns):
    frame = gpd.GeoDataFrame(columns, geometry=geometries, crs=crs)
    if to_crs is not None:
        frame = frame.to_crs(to_crs)
    more = {} if layer is None else {"layer": layer}
    frame.to_file(path, **more)
    return path


def by_value(labels):
    return np.array([0, *labels.legend.values])[labels.classes]


@pytest.mark.parametrize("name", ["fields.gpkg", "fields.geojson", "fields.shp"])
@pytest.mark.parametrize("to_crs", [None, "EPSG:4326", "EPSG:3857"])
def test_text_classes_of_every_format_and_system(tmp_path, name, to_crs):
    areas = [cells(0, 0, 2, 3), cells(3, 4, 3, 4), cells(0, 6, 2, 2)]
    names = ["Weizen", "Mais", "Grünland, feucht"]
    path = write(tmp_path / name, areas, to_crs=to_crs, **{"class": names})
    labels = open_labels(path, like=scene())
    assert labels.legend.names == ("Grünland, feucht", "Mais", "Weizen")
    expected = np.zeros((6, 8), int)
    expected[0:2, 0:3], expected[3:6, 4:8], expected[0:2, 6:8] = 3, 2, 1
    np.testing.assert_array_equal(labels.classes, expected)
    assert labels.notes == ()


@pytest.mark.parametrize(
    "ids", [[1, 10, 14], [1.0, 10.0, 14.0], ["1", "10", "14"], np.array([1, 10, 14], np.int16)]
)
def test_numbers_stay_what_they_are(tmp_path, ids):
    path = write(tmp_path / "f.gpkg", [cells(0, 0), cells(1, 1), cells(2, 2)], class_id=ids)
    found = by_value(open_labels(path, like=scene()))
    assert [found[i, i] for i in range(4)] == [1, 10, 14, 0]


def test_numbers_too_large_for_a_map_survive_as_names(tmp_path):
    path = write(tmp_path / "f.gpkg", [cells(0, 0), cells(1, 1)], crop=[3301010100, 9])
    labels = open_labels(path, like=scene(), column="crop")
    assert dict(zip(labels.legend.names, labels.legend.values, strict=True)) == {
        "9": 1,
        "3301010100": 2,
    }


def test_a_polygon_takes_pixels_by_their_centre(tmp_path):
    area = box(LEFT + 6, TOP - 24, LEFT + 26, TOP - 4)  # touches 3 x 3 pixels
    path = write(tmp_path / "f.gpkg", [area], **{"class": ["a"]})
    expected = np.zeros((6, 8), int)
    expected[0:2, 1:3] = 1
    np.testing.assert_array_equal(open_labels(path, like=scene()).classes, expected)


def test_points_and_lines_take_the_pixels_they_touch(tmp_path):
    point = Point(LEFT + 71, TOP - 59)
    line = LineString([(LEFT + 2, TOP - 3), (LEFT + 61, TOP - 44)])
    path = write(tmp_path / "f.gpkg", [point, line], **{"class": ["well", "road"]})
    labels = open_labels(path, like=scene())
    assert labels.legend.names == ("road", "well")
    expected = [
        [int(line.intersects(cells(row, column))) for column in range(8)] for row in range(6)
    ]
    expected[5][7] = 2
    np.testing.assert_array_equal(labels.classes, expected)


def test_of_overlapping_features_the_last_wins_and_pixels_are_counted(tmp_path):
    areas = [cells(0, 0, 3, 3), cells(1, 1, 3, 3), Point(LEFT + 25, TOP - 25)]
    path = write(tmp_path / "f.gpkg", areas, **{"class": ["b", "a", "b"]})
    labels = open_labels(path, like=scene())
    expected = np.zeros((6, 8), int)
    expected[0:3, 0:3], expected[1:4, 1:4], expected[2, 2] = 2, 1, 2
    np.testing.assert_array_equal(labels.classes, expected)
    assert any("4 pixels lie under features of different classes" in n for n in labels.notes)


def test_the_files_order_counts_and_not_that_of_its_spatial_index(tmp_path):
    rng = np.random.default_rng(3)
    # Many features elsewhere make the index worth its while, and a tree of several levels.
    elsewhere = [Point(*place) for place in rng.uniform([0, 0], [400_000, TOP], (3000, 2))]
    areas = [cells(0, 0, 6, 8).buffer(-float(size)) for size in rng.uniform(0, 8, 300)]
    classes = [1] * 3000 + rng.integers(2, 9, 300).tolist()
    path = write(tmp_path / "f.gpkg", [*elsewhere, *areas], **{"class": classes})
    labels = open_labels(path, like=scene())
    assert by_value(labels)[3, 4] == classes[-1]


def test_collections_and_empty_geometries(tmp_path):
    geometries = [
        MultiPolygon([cells(0, 0), cells(0, 7)]),
        GeometryCollection([MultiPolygon([cells(5, 0).buffer(2)]), Point(LEFT + 45, TOP - 25)]),
        None,
        MultiPolygon([]),
    ]
    path = write(tmp_path / "f.gpkg", geometries, **{"class": ["a", "b", "c", "d"]})
    labels = open_labels(path, like=scene())
    assert labels.legend.names == ("a", "b")
    expected = np.zeros((6, 8), int)
    expected[0, [0, 7]], expected[5, 0], expected[2, 4] = 1, 2, 2
    np.testing.assert_array_equal(labels.classes, expected)


def test_features_elsewhere_keep_their_numbers_out_of_the_legend(tmp_path):
    areas = [cells(0, 0), cells(900, 900), cells(2, 2)]
    path = write(tmp_path / "f.gpkg", areas, **{"class": ["oats", "barley", "corn"]})
    labels = open_labels(path, like=scene())
    assert labels.legend.names == ("corn", "oats")
    assert labels.legend.values == (2, 3)  # barley is 1 on the scene that it lies in


def test_a_class_that_gets_no_pixel_is_told(tmp_path):
    sliver = box(LEFT + 1, TOP - 9, LEFT + 3, TOP - 1)
    path = write(tmp_path / "f.gpkg", [cells(3, 3), sliver], **{"class": ["field", "hedge"]})
    labels = open_labels(path, like=scene())
    assert labels.legend.names == ("field",)
    assert any("hedge got no pixel" in note for note in labels.notes)


def test_features_without_class_are_left_out_and_counted(tmp_path):
    areas = [cells(0, 0), cells(1, 1), cells(2, 2)]
    for column in (["a", None, "a"], [7.0, np.nan, 7.0]):
        path = write(tmp_path / "f.gpkg", areas, **{"class": column})
        labels = open_labels(path, like=scene())
        assert labels.counts.tolist() == [2]
        assert any("1 features have no class" in note for note in labels.notes)


def test_a_file_without_coordinate_system_is_taken_to_be_the_scenes(tmp_path):
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        path = write(tmp_path / "f.shp", [cells(1, 2)], crs=None, **{"class": ["a"]})
    labels = open_labels(path, like=scene())
    assert labels.classes[1, 2] == 1
    assert any("names no coordinate system" in note for note in labels.notes)


def test_which_column(tmp_path):
    area = [cells(0, 0)]
    both = write(tmp_path / "both.gpkg", area, crop=["corn"], use=["field"])
    with pytest.raises(InputError, match=r"the columns crop, use.*column"):
        open_labels(both, like=scene())
    assert open_labels(both, like=scene(), column="use").legend.names == ("field",)
    assert open_labels(both, like=scene(), column="CROP").legend.names == ("corn",)
    with pytest.raises(InputError, match="none is called 'soil'"):
        open_labels(both, like=scene(), column="soil")
    only = write(tmp_path / "only.gpkg", area, kind=["corn"], size=[2.5])
    assert open_labels(only, like=scene()).legend.names == ("corn",)
    known = write(tmp_path / "known.gpkg", area, owner=["me"], Label=["corn"])
    assert open_labels(known, like=scene()).legend.names == ("corn",)
    none = write(tmp_path / "none.gpkg", area)
    with pytest.raises(InputError, match="no columns"):
        open_labels(none, like=scene())


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([None, None], "is empty"),
        ([0.25, 1.0], "0.25 as a class in feature 1"),
        ([3, 0], "class 0 in feature 2"),
        ([3, -2], "class -2 in feature 2"),
    ],
)
def test_class_columns_that_hold_no_classes(tmp_path, column, words):
    path = write(tmp_path / "f.gpkg", [cells(0, 0), cells(1, 1)], **{"class": column})
    with pytest.raises(InputError, match=words):
        open_labels(path, like=scene())


def test_layers(tmp_path):
    path = tmp_path / "f.gpkg"
    write(path, [cells(0, 0)], layer="train", **{"class": ["a"]})
    write(path, [cells(5, 7)], layer="test", **{"class": ["a"]})
    with pytest.raises(InputError, match=r"layers train, test.*f\.gpkg:train"):
        open_labels(path, like=scene())
    assert open_labels(f"{path}:test", like=scene()).classes[5, 7] == 1
    with pytest.raises(InputError, match="no layer 'validation'"):
        open_labels(f"{path}:validation", like=scene())


def test_labels_outside_the_scene(tmp_path):
    path = write(tmp_path / "f.gpkg", [cells(500, 500)], **{"class": ["a"]})
    with pytest.raises(InputError, match=r"No feature of .*f\.gpkg.* inside scene\.tif"):
        open_labels(path, like=scene())


def test_a_scene_without_georeference(tmp_path):
    path = write(tmp_path / "f.gpkg", [cells(0, 0)], **{"class": ["a"]})
    with pytest.raises(InputError, match=r"scene\.tif has no coordinate system"):
        open_labels(path, like=scene(crs=None, transform=None))


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("down", [1, -1])
def test_neither_has_coordinates(tmp_path, down):
    square = box(2, min(down, down * 3), 5, max(down, down * 3))  # rows 1 and 2, columns 2 to 4
    path = write(tmp_path / "f.gpkg", [square], crs=None, **{"class": ["a"]})
    labels = open_labels(path, like=scene(crs=None, transform=None))
    expected = np.zeros((6, 8), int)
    expected[1:3, 2:5] = 1
    np.testing.assert_array_equal(labels.classes, expected)
    assert "in pixels from the upper left corner" in labels.notes[0]


@pytest.mark.parametrize("name", ["f.gpkg", "f.geojson", "f.shp"])
def test_text_under_a_false_name(tmp_path, name):
    (tmp_path / name).write_text("nothing of the kind\n")
    with pytest.raises(InputError, match=r"f\.\w+ can't be read as a vector file"):
        open_labels(tmp_path / name, like=scene())


def test_a_raster_has_no_column(tmp_path):
    np.save(tmp_path / "labels.npy", np.ones((6, 8), np.uint8))
    with pytest.raises(InputError, match="no column 'crop'"):
        open_labels(tmp_path / "labels.npy", like=scene(), column="crop")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # what GDAL says of damage
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_damaged_files_bring_out_nothing_but_an_input_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    suffix = data.draw(st.sampled_from(["gpkg", "geojson"]))
    whole = folder / f"whole.{suffix}"
    if not whole.exists():
        write(whole, [cells(0, 0), cells(2, 2, 3, 3)], **{"class": ["a", "b"]})
    content = bytearray(whole.read_bytes())
    flips = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=9)
    for place, byte in data.draw(flips):
        content[place] = byte
    path = folder / f"damaged.{suffix}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(InputError):
        open_labels(path, like=scene())
