import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from rasterio.warp import transform

from spectile.data.labels.labels import open_labels
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError

GRID = from_origin(500_000, 5_800_000, 10, 10)


def scene(crs="EPSG:32633", grid=GRID):
    return scene_from_array(
        np.zeros((1, 6, 8), np.float32), crs=crs, transform=grid, source="scene.tif"
    )


def plain():
    return scene(crs=None, grid=None)


def write(tmp_path, text, name="points.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def found(labels):
    rows, columns = np.nonzero(labels.classes)
    return {
        (row, column): labels.legend.names[labels.classes[row, column] - 1]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    }


@pytest.mark.parametrize(
    "text",
    [
        "x,y,class\n500005,5799995,corn\n500079.9,5799940.1,wood\n",
        "Class;Y;X\ncorn;5799995;500005\nwood;5799940,1;500079,9\n",
        "id\tnorthing\teasting\tlabel\n7\t5799995\t500005\tcorn\n8\t5799941\t500079\twood\n",
    ],
)
def test_map_coordinates(tmp_path, text):
    labels = open_labels(write(tmp_path, text), like=scene())
    assert found(labels) == {(0, 0): "corn", (5, 7): "wood"}
    assert labels.notes == ()


@pytest.mark.parametrize("header", ["lon,lat,class", "Longitude,Latitude,CLASS"])
def test_degrees(tmp_path, header):
    lon, lat = transform("EPSG:32633", "EPSG:4326", [500_005, 500_075], [5_799_995, 5_799_945])
    rows = "".join(f"{x!r},{y!r},{n}\n" for x, y, n in zip(lon, lat, (3, 12), strict=True))
    labels = open_labels(write(tmp_path, f"{header}\n{rows}"), like=scene())
    assert found(labels) == {(0, 0): "class 3", (5, 7): "class 12"}
    assert labels.legend.values == (3, 12)


@pytest.mark.parametrize("like", [plain(), scene()])
def test_rows_and_columns_count_from_zero(tmp_path, like):
    path = write(tmp_path, "row,col,class\n0,0,a\n5,7.0,b\n")
    assert found(open_labels(path, like=like)) == {(0, 0): "a", (5, 7): "b"}


def test_which_columns_win(tmp_path):
    path = write(tmp_path, "x,y,row,col,class\n500005,5799995,5,7,a\n")
    assert found(open_labels(path, like=scene())) == {(0, 0): "a"}
    assert found(open_labels(path, like=plain())) == {(5, 7): "a"}


def test_another_class_column(tmp_path):
    path = write(tmp_path, "row,col,class,crop\n0,0,a,oats\n")
    assert open_labels(path, like=plain(), column="Crop").legend.names == ("oats",)
    with pytest.raises(InputError, match="no column 'soil' among row, col, class, crop"):
        open_labels(path, like=plain(), column="soil")


def test_points_outside_and_without_class_are_left_out_and_counted(tmp_path):
    path = write(
        tmp_path,
        "x,y,class\n500005,5799995,a\n499999,5799995,b\n500080,5799995,b\n500015,5799995,\n",
    )
    labels = open_labels(path, like=scene())
    assert labels.legend.names == ("a",)
    assert "2 points lie outside" in labels.notes[0]
    assert "1 points have no class" in labels.notes[1]


def test_of_several_points_in_a_pixel_the_last_wins_and_pixels_are_counted(tmp_path):
    path = write(
        tmp_path, "row,col,class\n1,1,a\n1,1,b\n1,1,a\n2,2,b\n3,3,a\n3,3,b\n4,4,b\n4,4,b\n"
    )
    labels = open_labels(path, like=plain())
    assert found(labels) == {(1, 1): "a", (2, 2): "b", (3, 3): "b", (4, 4): "b"}
    assert labels.notes[0].endswith(
        "2 pixels hold points of different classes: the last in the file won."
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y,class\n500005,north,a\n", ["'north'", "y in line 2"]),
        ("x,y,class\n500005,5799995,a\n\n,5799995,a\n", ["''", "x in line 4"]),
        ("x,y,class\nnan,5799995,a\n", ["'nan'", "line 2"]),
        ('x,y,class\n500005,"5799995,5",a\n', ["'5799995,5'"]),
        ("x,y,class\n1,2,a\n3,4,b\n", ["None of the 2 points", "scene.tif"]),
        ("x,y,kind\n500005,5799995,a\n", ["no column 'class'", "x, y, kind"]),
        ("easting,lat,class\n1,2,a\n", ["easting, lat, class", "x, y, class"]),
        ("x,y,class\n", ["no point"]),
        ("", ["empty"]),
        ("x,y,class\n500005,5799995,\n", ["class column", "empty"]),
        ("x,y,class\n500005,5799995,0\n", ["class 0 in line 2"]),
        ("x,y,class\n500005,5799995,a,b\n", ["4 cells in line 2"]),
        ("row,col,class\n1.5,2,a\n", ["1.5 in line 2", "whole numbers"]),
        ("x,y,class\n500005,5799995,a\n900000,1,b\n500005,5799995,\n499000,1,\n", []),
    ],
)
def test_what_cant_be_understood_is_named(tmp_path, text, words):
    path = write(tmp_path, text)
    if not words:
        assert found(open_labels(path, like=scene())) == {(0, 0): "a"}
        return
    with pytest.raises(InputError) as caught:
        open_labels(path, like=scene())
    for word in ["points.csv", *words]:
        assert word in str(caught.value)


def test_only_points_without_class_inside(tmp_path):
    path = write(tmp_path, "x,y,class\n500005,5799995,\n1,1,a\n")
    with pytest.raises(InputError, match="labels no pixel"):
        open_labels(path, like=scene())


def test_map_coordinates_need_a_georeferenced_scene(tmp_path):
    path = write(tmp_path, "lon,lat,class\n15,52,a\n")
    with pytest.raises(InputError, match="row, col, class"):
        open_labels(path, like=plain())


def test_degrees_that_are_none(tmp_path):
    path = write(tmp_path, "lon,lat,class\n15,5799995,a\n")
    with pytest.raises(InputError, match=r"None of the 1 points|can't be brought"):
        open_labels(path, like=scene())


@given(text=st.one_of(st.binary(max_size=150), st.text('0123456789.,;-\n"e\tnaxy', max_size=150)))
@settings(max_examples=80, deadline=None)
def test_no_bytes_bring_out_anything_but_an_input_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(b"row,col,class\n" + (text if isinstance(text, bytes) else text.encode()))
    with contextlib.suppress(InputError):
        open_labels(path, like=plain())


@given(
    points=st.lists(
        st.tuples(st.integers(-2, 8), st.integers(-2, 10), st.integers(1, 5)), min_size=1
    )
)
@settings(max_examples=40, deadline=None)
def test_every_point_inside_is_found_again(tmp_path_factory, points):
    path = tmp_path_factory.getbasetemp() / "drawn.csv"
    path.write_text(
        "x,y,class\n"
        + "".join(
            f"{500_000 + 10 * column + 4},{5_800_000 - 10 * row - 6},{value}\n"
            for row, column, value in points
        )
    )
    expected = {(r, c): f"class {v}" for r, c, v in points if 0 <= r < 6 and 0 <= c < 8}
    if expected:
        assert found(open_labels(path, like=scene())) == expected
    else:
        with pytest.raises(InputError):
            open_labels(path, like=scene())
