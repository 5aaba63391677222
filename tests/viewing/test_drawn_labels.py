from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
from affine import Affine
from shapely.geometry import Polygon

from spectile.data.labels.labels import open_labels
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.viewing.drawn_labels import DrawnLabels, DrawnPolygon, labels_beside

NORTH_UP = Affine(30, 0, 4e5, 0, -30, 5.8e6)
PLACES = {
    "projected": ("EPSG:32633", NORTH_UP),
    "rotated": ("EPSG:32633", NORTH_UP @ Affine.rotation(30)),
    "degrees": ("EPSG:4326", Affine(1e-3, 0, 13, 0, -1e-3, 52)),
    "grid alone": (None, NORTH_UP),
    "pixels": (None, None),
}


def scene(place: str = "projected") -> Scene:
    crs, transform = PLACES[place]
    return scene_from_array(np.zeros((2, 20, 30)), crs=crs, transform=transform, source="s.tif")


def square(row: float, column: float, edge: float, value: int) -> DrawnPolygon:
    columns = np.array([column, column + edge, column + edge, column])
    return DrawnPolygon(columns, np.array([row, row, row + edge, row + edge]), value)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_drawn_labels_the_pixels_under_it(tmp_path: Path, place: str) -> None:
    drawn = DrawnLabels(tmp_path / "drawn.gpkg", scene(place))
    drawn.add_class("maize", (230, 159, 0))
    drawn.add_class("<i>beet</i>, sugar")
    drawn.draw([square(2, 3, 4, 2), square(10, 20, 5, 1)])
    labels = open_labels(drawn.path, like=scene(place))
    expected = np.zeros((20, 30), int)
    expected[2:6, 3:7], expected[10:15, 20:25] = 2, 1
    np.testing.assert_array_equal(labels.classes, expected)
    assert labels.legend.names == ("maize", "<i>beet</i>, sugar")
    assert labels.legend.colors[0] == (230, 159, 0)
    found = geopandas.read_file(drawn.path)
    assert (found.crs is None) == (PLACES[place][0] is None)


def test_a_file_is_gone_on_with(tmp_path: Path) -> None:
    drawn = DrawnLabels(tmp_path / "drawn.gpkg", scene())
    drawn.add_class("maize")
    drawn.add_class("never drawn")
    drawn.draw([square(2, 3, 4, 1)])
    with pytest.raises(InputError, match="is being written by process"):
        DrawnLabels(drawn.path, scene())  # two viewers would undo each other's work
    drawn.close()
    again = DrawnLabels(drawn.path, scene())
    assert [one.name for one in again.classes] == ["maize", "never drawn"]
    np.testing.assert_allclose(again.polygons[0].columns, [3, 7, 7, 3], atol=1e-6)
    again.change_class(1, name="corn", color=(1, 2, 3))
    again.draw([])
    assert len(geopandas.read_file(drawn.path)) == 0
    assert "corn,#010203" in drawn.legend_path.read_text()


def test_unfinished_polygons_are_left_out(tmp_path: Path) -> None:
    drawn = DrawnLabels(tmp_path / "drawn.gpkg", scene())
    drawn.add_class("maize")
    line = DrawnPolygon(np.array([1.0, 2, 2, 2]), np.array([1.0, 2, 2, 2]), 1)
    repeated = square(1, 1, 3, 1)
    repeated = DrawnPolygon(np.repeat(repeated.columns, 2), np.repeat(repeated.rows, 2), 1)
    drawn.draw([line, repeated, square(0, 0, 2, 9)])
    assert [len(one.columns) for one in drawn.polygons] == [4]


def test_what_cant_be_saved_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = DrawnLabels(tmp_path / "drawn.gpkg", scene())
    drawn.add_class("maize")
    for name, words in (("maize", "already"), (" ", "needs a name")):
        with pytest.raises(InputError, match=words):
            drawn.add_class(name)
    with pytest.raises(InputError, match="black"):
        drawn.change_class(1, color=(0, 0, 0))
    drawn.draw([square(2, 3, 4, 1)])
    before = drawn.path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyogrio.write_dataframe", full)
    with pytest.raises(InputError, match="no space left"):
        drawn.draw([])
    assert drawn.path.read_bytes() == before
    assert len(drawn.polygons) == 1


def test_files_of_the_user_are_kept(tmp_path: Path) -> None:
    corners = [(4e5, 5.8e6), (4e5, 5.7e6), (5e5, 5.7e6)]
    theirs = geopandas.GeoDataFrame({"class": ["a"]}, geometry=[Polygon(corners)], crs=32633)
    theirs.to_file(tmp_path / "s_labels.gpkg")
    with pytest.raises(InputError, match="isn't from an earlier command"):
        DrawnLabels(tmp_path / "s_labels.gpkg", scene())
    assert labels_beside(scene(), tmp_path).path.name == "s_labels-2.gpkg"
    (tmp_path / "other.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match=r"other\.csv isn't from an earlier command"):
        DrawnLabels(tmp_path / "other.gpkg", scene())
    with pytest.raises(InputError, match=r"let it end in \.gpkg"):
        DrawnLabels(tmp_path / "other.shp", scene())


def test_labels_of_another_place_or_with_holes_are_refused(tmp_path: Path) -> None:
    drawn = DrawnLabels(tmp_path / "s_labels.gpkg", scene())
    drawn.add_class("maize")
    drawn.draw([square(2, 3, 4, 1)])
    drawn.close()
    with pytest.raises(InputError, match="another coordinate system"):
        DrawnLabels(drawn.path, scene("degrees"))
    assert labels_beside(scene("degrees"), tmp_path).path.name == "s_labels-2.gpkg"
    found = geopandas.read_file(drawn.path)  # as somebody edits it elsewhere
    found.geometry = found.geometry.difference(found.geometry.centroid.buffer(20))
    metadata = {"DESCRIPTION": pyogrio.read_info(drawn.path)["layer_metadata"]["DESCRIPTION"]}
    pyogrio.write_dataframe(found, drawn.path, layer="labels", layer_metadata=metadata)
    with pytest.raises(InputError, match="polygons with holes"):
        DrawnLabels(drawn.path, scene())


def test_pages_hear_of_each_others_changes(tmp_path: Path) -> None:
    drawn = DrawnLabels(tmp_path / "drawn.gpkg", scene())
    heard: list[int] = []
    end = drawn.follow(lambda: heard.append(len(drawn.classes)))
    drawn.add_class("maize")
    end()
    drawn.add_class("beet")
    assert heard == [1]
