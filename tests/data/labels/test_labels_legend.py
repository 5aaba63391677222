import geopandas as gpd
import numpy as np
import pytest
from rasterio.transform import from_origin
from shapely.geometry import box

from spectile.data.labels.labels import open_labels
from spectile.data.labels.legend import read_legend
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError

TRUTH = np.array([[0, 1, 10], [0, 14, 10]], np.uint8)


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.npy"
    np.save(path, TRUTH)
    return path


def scene(**georeference):
    return scene_from_array(np.zeros((1, 2, 3), np.float32), **georeference)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_beside_the_labels_names_what_occurs(labels):
    write(
        labels.with_suffix(".csv"), "value,name,color\n14,Water,#0000ff\n1,Oats,\n10,Corn,\n2,Ice,"
    )
    legend = open_labels(labels, like=scene()).legend
    assert legend.values == (1, 10, 14)
    assert legend.names == ("Oats", "Corn", "Water")
    assert legend.colors[2] == (0, 0, 255)


def test_a_given_legend_comes_first_and_keeps_all_its_classes(labels, tmp_path):
    write(labels.with_suffix(".csv"), "value,name\n1,a\n10,b\n14,c\n")
    path = write(tmp_path / "given.csv", "value,name\n1,Oats\n2,Ice\n10,Corn\n14,Water\n")
    for legend in (path, str(path), read_legend(path)):
        found = open_labels(labels, like=scene(), legend=legend)
        assert found.legend.names == ("Oats", "Ice", "Corn", "Water")
        assert found.classes.tolist() == [[0, 1, 3], [0, 4, 3]]
        assert found.counts.tolist() == [1, 0, 2, 1]


def test_a_class_that_the_legend_lacks_is_named(labels, tmp_path):
    path = write(tmp_path / "given.csv", "value,name\n1,Oats\n10,Corn\n")
    with pytest.raises(InputError, match=r"labels\.npy holds the class 14, which .*given\.csv"):
        open_labels(labels, like=scene(), legend=path)
    write(labels.with_suffix(".csv"), "value,name\n1,Oats\n10,Corn\n")
    with pytest.raises(InputError, match=r"class 14, which .*labels\.csv lacks"):
        open_labels(labels, like=scene())


def test_a_broken_legend_beside_the_labels_is_no_secret(labels):
    write(labels.with_suffix(".csv"), "value,name\n1,Oats\n1,Corn\n")
    with pytest.raises(InputError, match="value 1 a second time in line 3"):
        open_labels(labels, like=scene())


def test_another_csv_beside_the_labels_is_left_alone(labels):
    write(labels.with_suffix(".csv"), "row,col,class\n0,0,Oats\n")
    assert open_labels(labels, like=scene()).legend.names == ("class 1", "class 10", "class 14")


def test_a_legend_that_isnt_there(labels, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv isn't there"):
        open_labels(labels, like=scene(), legend=tmp_path / "nowhere.csv")


def test_text_classes_find_their_values_in_a_legend(tmp_path):
    legend = write(tmp_path / "legend.csv", "value,name\n4,wood\n9,corn\n")
    points = write(tmp_path / "points.csv", "row,col,class\n0,0,corn\n1,2,wood\n")
    found = open_labels(points, like=scene(), legend=legend)
    assert found.legend.values == (4, 9)
    assert found.classes.tolist() == [[2, 0, 0], [0, 0, 1]]
    write(points, "row,col,class\n0,0,corn\n1,2,Wood\n")
    with pytest.raises(InputError, match="holds the class Wood, which"):
        open_labels(points, like=scene(), legend=legend)


def test_text_classes_of_features_outside_need_not_be_in_the_legend(tmp_path):
    like = scene(crs="EPSG:32633", transform=from_origin(0, 20, 10, 10))
    frame = gpd.GeoDataFrame(
        {"class": ["ice", "corn"]},
        geometry=[box(900, 900, 910, 910), box(0, 0, 10, 20)],
        crs="EPSG:32633",
    )
    frame.to_file(tmp_path / "fields.gpkg")
    write(tmp_path / "fields.csv", "value,name\n7,corn\n")
    found = open_labels(tmp_path / "fields.gpkg", like=like)
    assert found.legend.values == (7,)
    assert found.classes.tolist() == [[1, 0, 0], [1, 0, 0]]
