"""The map on disk, as rasterio, GDAL and the user's folder see it."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.windows import Window

from spectile.data.labels.legend import Category, Legend
from spectile.errors import InputError
from spectile.mapping.layers.registry import asked_for
from spectile.mapping.output.writer import MapWriter

LEGEND = Legend(
    (
        Category(14, "Woods", (0, 158, 115)),
        Category(1, 'Grass <mown> & "dry" = hay, Röhricht', (230, 159, 0)),
        Category(11, "湿地", (86, 180, 233)),
        Category(10, "Stone\x07Steel", (213, 94, 0)),
    )
)
UTM = CRS.from_epsg(32633)
NORTH_UP = Affine(30, 0, 500_000, 0, -30, 5_800_000)


def write(path, classes, legend=LEGEND, probabilities=None, entropy=None, **options):
    height, width = classes.shape
    options = {"crs": UTM, "transform": NORTH_UP} | options
    with MapWriter(
        path,
        height=height,
        width=width,
        legend=legend,
        layers=asked_for(probabilities=probabilities is not None, entropy=entropy is not None),
        **options,
    ) as writer:
        given = {"probabilities": probabilities, "entropy": entropy}
        measured = {name: values for name, values in given.items() if values is not None}
        known = {name: np.where(classes == 0, np.nan, array) for name, array in measured.items()}
        values = np.array([0, *legend.values], np.uint16)[classes]
        writer.write(Window(0, 0, width, height), {"classes": values, **known})


def patchy(height, width, classes=4):
    """Fields of classes 0 to `classes`, 25 pixels wide."""
    fields = np.random.default_rng(0).integers(
        0, classes + 1, (height // 25 + 1, width // 25 + 1), dtype=np.int32
    )
    return fields.repeat(25, 0).repeat(25, 1)[:height, :width]


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_reader_finds_everything_the_contract_promises(tmp_path):
    classes = patchy(1300, 1100)
    write(tmp_path / "map.tif", classes)
    with rasterio.open(tmp_path / "map.tif") as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.profile["tiled"]
        assert source.compression.name == "deflate"
        assert (source.count, source.dtypes, source.nodata) == (1, ("uint8",), 0)
        assert source.crs == UTM
        assert source.transform == NORTH_UP
        np.testing.assert_array_equal(source.read(1), np.array([0, 14, 1, 11, 10])[classes])
        colors = source.colormap(1)
        assert {value: colors[value] for value in (0, 1, 10, 11, 14)} == {
            0: (0, 0, 0, 0),
            1: (230, 159, 0, 255),
            10: (213, 94, 0, 255),
            11: (86, 180, 233, 255),
            14: (0, 158, 115, 255),
        }
        tags = source.tags(1)
        assert tags["CLASS_1"] == LEGEND.names[1]
        assert tags["CLASS_11"] == "湿地"
        assert tags["CLASS_10"] == "Stone\ufffdSteel"
        assert tags["CLASS_14"] == "Woods"


def test_gdal_finds_the_names_where_it_looks_for_categories(tmp_path):
    write(tmp_path / "map.tif", patchy(50, 60))
    band = ElementTree.parse(tmp_path / "map.tif.aux.xml").find("PAMRasterBand[@band='1']")
    names = [category.text for category in band.iterfind("CategoryNames/Category")]
    assert len(names) == 15
    assert {value: name for value, name in enumerate(names) if name} == {
        0: "no data",
        1: LEGEND.names[1],
        10: "Stone\ufffdSteel",
        11: "湿地",
        14: "Woods",
    }


def test_the_qgis_style_lies_beside_the_map(tmp_path):
    write(tmp_path / "map.tif", patchy(50, 60))
    assert sorted(contents(tmp_path)) == ["map.qml", "map.tif", "map.tif.aux.xml"]
    assert "湿地" in (tmp_path / "map.qml").read_text(encoding="utf-8")


def test_class_numbers_past_255_survive(tmp_path):
    legend = Legend((Category(300, "Moor", (1, 2, 3)), Category(7, "Heath", (4, 5, 6))))
    classes = patchy(1100, 700, classes=2)
    write(tmp_path / "map.tif", classes, legend)
    with rasterio.open(tmp_path / "map.tif") as source:
        assert source.dtypes == ("uint16",)
        np.testing.assert_array_equal(source.read(1), np.array([0, 300, 7])[classes])
        assert source.colormap(1)[300] == (1, 2, 3, 255)
        assert source.tags(1)["CLASS_300"] == "Moor"
    with rasterio.open(tmp_path / "map.tif", OVERVIEW_LEVEL=0) as overview:
        assert set(np.unique(overview.read(1))) == {0, 7, 300}


def test_overviews_hold_classes_and_no_mixtures(tmp_path):
    write(tmp_path / "map.tif", patchy(1300, 1100))
    with rasterio.open(tmp_path / "map.tif") as source:
        assert source.overviews(1) == [2, 4]
    with rasterio.open(tmp_path / "map.tif", OVERVIEW_LEVEL=1) as overview:
        assert overview.shape == (325, 275)
        assert set(np.unique(overview.read(1))) == {0, 1, 10, 11, 14}


def test_probabilities_and_entropy_lie_beside_with_nan_for_nodata(tmp_path):
    classes = patchy(60, 70)
    random = np.random.default_rng(1)
    probabilities = random.random((4, 60, 70), dtype=np.float32)
    entropy = random.random((60, 70), dtype=np.float32)
    write(tmp_path / "map.tif", classes, LEGEND, probabilities, entropy)
    with rasterio.open(tmp_path / "map_probabilities.tif") as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.dtypes == ("float32",) * 4
        assert source.descriptions == ("Woods", LEGEND.names[1], "湿地", "Stone\ufffdSteel")
        assert np.isnan(source.nodata)
        assert (source.crs, source.transform) == (UTM, NORTH_UP)
        np.testing.assert_array_equal(source.read(), np.where(classes == 0, np.nan, probabilities))
    with rasterio.open(tmp_path / "map_entropy.tif") as source:
        np.testing.assert_array_equal(source.read(1), np.where(classes == 0, np.nan, entropy))
        assert "0 sure to 1 undecided" in source.descriptions[0]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_scene_without_a_place_gives_a_map_without_one(tmp_path, recwarn):
    write(tmp_path / "map.tif", patchy(20, 30), crs=None, transform=None)
    assert not recwarn.list
    with rasterio.open(tmp_path / "map.tif") as source:
        assert source.crs is None
        assert source.transform == Affine.identity()


def test_a_projection_that_geotiff_cannot_express_is_kept(tmp_path):
    rotated_pole = CRS.from_proj4(
        "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39 +lon_0=18 +ellps=WGS84"
    )
    write(tmp_path / "map.tif", patchy(20, 30), crs=rotated_pole)
    with rasterio.open(tmp_path / "map.tif") as source:
        assert source.crs == rotated_pole


def test_pixels_never_written_are_nodata(tmp_path):
    with MapWriter(
        tmp_path / "map.tif",
        height=9,
        width=8,
        legend=LEGEND,
        crs=UTM,
        transform=NORTH_UP,
        layers=asked_for("entropy"),
    ) as writer:
        one = np.ones((1, 1), np.float32)
        writer.write(Window(2, 3, 1, 1), {"classes": one, "entropy": one})
    with rasterio.open(tmp_path / "map.tif") as source:
        assert list(zip(*source.read(1).nonzero(), strict=True)) == [(3, 2)]
    with rasterio.open(tmp_path / "map_entropy.tif") as source:
        assert np.isfinite(source.read(1)).sum() == 1


@st.composite
def tilings(draw, height, width):
    """Windows that cover height × width once, in any order."""
    pieces = [(0, 0, height, width)]
    for _ in range(draw(st.integers(0, 12))):
        top, left, h, w = pieces.pop(draw(st.integers(0, len(pieces) - 1)))
        if draw(st.booleans()) and h > 1:
            cut = draw(st.integers(1, h - 1))
            pieces += [(top, left, cut, w), (top + cut, left, h - cut, w)]
        elif w > 1:
            cut = draw(st.integers(1, w - 1))
            pieces += [(top, left, h, cut), (top, left + cut, h, w - cut)]
        else:
            pieces.append((top, left, h, w))
    return [Window(left, top, w, h) for top, left, h, w in draw(st.permutations(pieces))]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(windows=tilings(61, 83))
def test_the_files_do_not_depend_on_the_windows(tmp_path, windows):
    random = np.random.default_rng(2)
    classes = random.integers(0, 5, (61, 83))
    probabilities = random.random((4, 61, 83), dtype=np.float32)
    if not (tmp_path / "whole").exists():
        (tmp_path / "whole").mkdir()
        (tmp_path / "parts").mkdir()
        write(tmp_path / "whole/map.tif", classes, LEGEND, probabilities)
    with MapWriter(
        tmp_path / "parts/map.tif",
        height=61,
        width=83,
        legend=LEGEND,
        crs=UTM,
        transform=NORTH_UP,
        layers=asked_for("probabilities"),
        overwrite=True,
    ) as writer:
        values = np.array([0, *LEGEND.values])[classes]
        known = np.where(classes == 0, np.nan, probabilities)
        for window in windows:
            rows, columns = window.toslices()
            parts = {"classes": values[rows, columns], "probabilities": known[:, rows, columns]}
            writer.write(window, parts)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_an_exception_leaves_the_folder_as_it_was(tmp_path):
    write(tmp_path / "map.tif", patchy(20, 30))
    before = contents(tmp_path)

    def interrupted():
        with MapWriter(
            tmp_path / "map.tif",
            height=20,
            width=30,
            legend=LEGEND,
            crs=UTM,
            transform=NORTH_UP,
            overwrite=True,
        ) as writer:
            writer.write(Window(0, 0, 30, 10), {"classes": np.ones((10, 30), int)})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(tmp_path) == before


def test_nothing_shows_before_the_end(tmp_path):
    with MapWriter(
        tmp_path / "map.tif", height=2, width=3, legend=LEGEND, crs=UTM, transform=NORTH_UP
    ) as writer:
        writer.write(Window(0, 0, 3, 2), {"classes": np.ones((2, 3), int)})
        assert [file for file in tmp_path.iterdir() if not file.name.startswith(".")] == []
    assert (tmp_path / "map.tif").is_file()


@pytest.mark.parametrize("there", ["map.tif", "map.qml", "map_entropy.tif"])
def test_what_exists_is_kept_unless_overwriting_is_asked_for(tmp_path, there):
    (tmp_path / there).write_bytes(b"precious")
    with pytest.raises(InputError, match=rf"{there} exists.*overwrite=True"):
        write(tmp_path / "map.tif", patchy(20, 30))
    assert contents(tmp_path) == {there: b"precious"}


@pytest.mark.parametrize("left", ["map.tif.aux.xml", "map.tif.ovr", "map_entropy.tif.aux.xml"])
def test_what_programs_leave_beside_a_map_blocks_nothing(tmp_path, left):
    if left.endswith(".ovr"):
        write(tmp_path / "gone.tif", patchy(5, 5))
        (tmp_path / "gone.tif").rename(tmp_path / left)
        for file in tmp_path.glob("gone*"):
            file.unlink()
    else:
        (tmp_path / left).write_text("<PAMDataset><!-- of a map that is gone --></PAMDataset>")
    write(tmp_path / "map.tif", patchy(20, 30))
    assert sorted(contents(tmp_path)) == ["map.qml", "map.tif", "map.tif.aux.xml"]
    assert b"gone" not in (tmp_path / "map.tif.aux.xml").read_bytes()


def test_overwriting_replaces_the_map_with_all_that_belongs_to_it(tmp_path):
    classes = patchy(20, 30)
    write(tmp_path / "map.tif", classes, LEGEND, np.ones((4, 20, 30), np.float32))
    (tmp_path / "map_probabilities.tif.aux.xml").write_text("<PAMDataset/>")
    (tmp_path / "other.tif").write_bytes(b"")
    write(tmp_path / "map.tif", np.full((20, 30), 3), overwrite=True)
    assert sorted(contents(tmp_path)) == ["map.qml", "map.tif", "map.tif.aux.xml", "other.tif"]
    with rasterio.open(tmp_path / "map.tif") as source:
        assert set(np.unique(source.read(1))) == {11}


def new_writer(path):
    return MapWriter(path, height=2, width=3, legend=LEGEND, crs=None, transform=None)


def test_a_place_that_cannot_hold_the_map_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(InputError, match=r"file, the folder for map\.tif, is no folder"):
        new_writer(tmp_path / "file/map.tif")
    with pytest.raises(InputError, match=r"missing, the folder for map\.tif, is no folder"):
        new_writer(tmp_path / "missing/map.tif")
    with pytest.raises(InputError, match=r"folder\.tif is a folder"):
        new_writer(tmp_path / "folder.tif")
    with pytest.raises(InputError, match=r"map\.png is no name for a GeoTIFF"):
        new_writer(tmp_path / "map.png")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder closed even to root")
def test_a_folder_that_takes_no_files_is_refused_at_once():
    with pytest.raises(InputError, match=r"/proc/map\.tif can't be written"):
        new_writer("/proc/map.tif")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused_at_once(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"map\.tif can't be written \(permission denied\)"):
        new_writer(tmp_path / "map.tif")


def test_a_map_takes_what_it_was_made_for_and_nothing_else(tmp_path):
    classes, window = np.ones((2, 3), int), Window(0, 0, 3, 2)
    with new_writer(tmp_path / "map.tif") as writer:
        with pytest.raises(ValueError, match="made of classes"):
            writer.write(window, {"classes": classes, "entropy": classes})
        with pytest.raises(ValueError, match="pixels for 1 bands"):
            writer.write(window, {"classes": classes[:1]})
        with pytest.raises(ValueError, match="lies outside"):
            writer.write(Window(1, 0, 3, 2), {"classes": classes})


def test_the_date_of_the_scene_stays_with_its_map(tmp_path):
    write(tmp_path / "map.tif", patchy(30, 40), acquired="2022-07-24T10:45:26")
    with rasterio.open(tmp_path / "map.tif") as file:
        assert file.tags()["ACQUISITION_DATE"] == "2022-07-24T10:45:26"
