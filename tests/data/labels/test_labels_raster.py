import contextlib
import warnings

import numpy as np
import pytest
import rasterio
import scipy.io
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

from spectile.data.labels.labels import open_labels
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.errors import InputError

GRID = from_origin(500_000, 5_800_000, 10, 10)
TRUTH = np.array(
    [
        [0, 1, 1, 10],
        [0, 0, 11, 10],
        [14, 14, 11, 0],
    ],
    dtype=np.uint8,
)


def scene(height=3, width=4, crs="EPSG:32633", transform=GRID):
    return scene_from_array(
        np.zeros((1, height, width), np.float32), crs=crs, transform=transform, source="scene.tif"
    )


def plain(height=3, width=4):
    return scene(height, width, crs=None, transform=None)


def write(path, values, *, crs="EPSG:32633", transform=GRID, nodata=None, driver="GTiff", **more):
    values = np.asarray(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver=driver,
            height=values.shape[0],
            width=values.shape[1],
            count=1,
            dtype=values.dtype,
            crs=crs,
            transform=transform,
            nodata=nodata,
            **more,
        ) as file:
            file.write(values, 1)
    return path


def by_value(labels):
    return np.array([0, *labels.legend.values])[labels.classes]


def test_any_numbers_survive(tmp_path):
    labels = open_labels(write(tmp_path / "labels.tif", TRUTH), like=scene())
    assert labels.legend.values == (1, 10, 11, 14)
    assert labels.legend.names == ("class 1", "class 10", "class 11", "class 14")
    assert labels.classes.dtype == np.int32
    np.testing.assert_array_equal(by_value(labels), TRUTH)
    np.testing.assert_array_equal(labels.counts, [2, 2, 2, 2])


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "float32", "float64"])
def test_nodata_zero_and_negative_are_unlabelled(tmp_path, dtype):
    values = np.array([[7, 0, 99, 3]], dtype=dtype)
    if dtype != "uint16":
        values[0, 1] = -5
    path = write(tmp_path / "labels.tif", values, nodata=99)
    np.testing.assert_array_equal(by_value(open_labels(path, like=scene(1, 4))), [[7, 0, 0, 3]])


def test_not_a_number_is_unlabelled(tmp_path):
    values = np.array([[np.nan, 2, np.inf, 1]], dtype=np.float32)
    path = write(tmp_path / "labels.tif", values, nodata=np.nan)
    np.testing.assert_array_equal(by_value(open_labels(path, like=scene(1, 4))), [[0, 2, 0, 1]])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([[0.5, 1, 2, 3]], np.float32), ["0.5", "no whole number"]),
        (np.array([[70_000, 1, 2, 3]], np.int32), ["70000", "65535"]),
        (np.array([[1j, 1, 2, 3]], np.complex64), ["complex64"]),
        (np.zeros((1, 4), np.uint8), ["labels no pixel"]),
    ],
)
def test_what_no_class_numbers_are(tmp_path, values, words):
    with pytest.raises(InputError) as caught:
        open_labels(write(tmp_path / "labels.tif", values), like=scene(1, 4))
    for word in ["labels.tif", *words]:
        assert word in str(caught.value)


def test_a_raster_of_several_bands_is_refused(tmp_path):
    path = tmp_path / "rgb.tif"
    with rasterio.open(path, "w", driver="GTiff", height=3, width=4, count=3, dtype="uint8") as f:
        f.write(np.ones((3, 3, 4), np.uint8))
    with pytest.raises(InputError, match=r"rgb\.tif has 3 bands"):
        open_labels(path, like=plain())


def test_without_georeference_sizes_must_match(tmp_path):
    path = write(tmp_path / "labels.tif", TRUTH, crs=None, transform=Affine.identity())
    np.testing.assert_array_equal(by_value(open_labels(path, like=scene())), TRUTH)
    with pytest.raises(InputError, match=r"3 rows by 4 columns, but scene\.tif is 5 by 6"):
        open_labels(path, like=scene(5, 6))
    with pytest.raises(InputError, match="transposed"):
        open_labels(path, like=scene(4, 3))


def test_a_larger_raster_is_cut_to_the_scene(tmp_path):
    large = np.zeros((10, 12), np.uint8)
    large[4:7, 5:9] = TRUTH
    path = write(tmp_path / "l.tif", large, transform=from_origin(499_950, 5_800_040, 10, 10))
    np.testing.assert_array_equal(by_value(open_labels(path, like=scene())), TRUTH)


def test_pixels_beyond_the_raster_are_unlabelled(tmp_path):
    path = write(tmp_path / "l.tif", TRUTH + 1, transform=from_origin(500_020, 5_799_990, 10, 10))
    found = by_value(open_labels(path, like=scene()))
    np.testing.assert_array_equal(found[1:, 2:], TRUTH[:2, :2] + 1)
    assert not found[0].any()
    assert not found[:, :2].any()


def test_a_finer_raster_gives_the_value_at_the_pixels_centre(tmp_path):
    fine = np.full((9, 12), 200, np.uint8)
    fine[1::3, 1::3] = TRUTH
    path = write(
        tmp_path / "l.tif", fine, transform=from_origin(500_000, 5_800_000, 10 / 3, 10 / 3)
    )
    np.testing.assert_array_equal(by_value(open_labels(path, like=scene())), TRUTH)


def test_a_scene_whose_rows_run_north(tmp_path):
    upward = scene(transform=Affine(10, 0, 500_000, 0, 10, 5_800_000 - 30))
    path = write(tmp_path / "labels.tif", TRUTH)
    np.testing.assert_array_equal(by_value(open_labels(path, like=upward)), TRUTH[::-1])


def test_another_coordinate_system(tmp_path):
    blocks = np.kron(np.array([[1, 2], [3, 4]]), np.ones((20, 20))).astype(np.uint8)
    west, south, east, north = transform_bounds(
        "EPSG:32633", "EPSG:4326", 500_000, 5_799_600, 500_400, 5_800_000
    )
    degrees = from_origin(west, north, (east - west) / 40, (north - south) / 40)
    path = write(tmp_path / "labels.tif", blocks, crs="EPSG:4326", transform=degrees)
    found = by_value(open_labels(path, like=scene(40, 40)))
    wrong = found != blocks
    assert wrong.mean() < 0.1
    assert not wrong[4:16, 4:16].any()
    assert not wrong[24:36, 24:36].any()


def test_labels_outside_the_scene(tmp_path):
    path = write(tmp_path / "labels.tif", TRUTH, transform=from_origin(600_000, 5_800_000, 10, 10))
    with pytest.raises(InputError, match=r"labels\.tif lies outside scene\.tif.*600000.*500000"):
        open_labels(path, like=scene())


def test_labels_whose_classes_all_lie_beyond_the_scene(tmp_path):
    large = np.zeros((3, 8), np.uint8)
    large[:, 4:] = 1
    path = write(tmp_path / "labels.tif", large)
    with pytest.raises(InputError, match="labels no pixel"):
        open_labels(path, like=scene())


def test_names_and_colours_in_a_geotiff(tmp_path):
    path = write(tmp_path / "labels.tif", TRUTH)
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {0: (0, 0, 0, 255), 1: (255, 0, 0, 255), 10: (0, 0, 0, 255)})
    names = ["Unclassified", "Asphalt", *[""] * 8, "Trees & <shrubs>", "", "", "", "Water"]
    entries = "".join(
        f"<Category>{name.replace('&', '&amp;').replace('<', '&lt;')}</Category>" for name in names
    )
    (tmp_path / "labels.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'>"
        f"<CategoryNames>{entries}</CategoryNames></PAMRasterBand></PAMDataset>"
    )
    legend = open_labels(path, like=scene()).legend
    assert legend.names == ("Asphalt", "Trees & <shrubs>", "class 11", "Water")
    assert legend.colors[0] == (255, 0, 0)
    assert (0, 0, 0) not in legend.colors
    assert len(set(legend.colors)) == 4


def test_transparent_colours_stand_for_no_class(tmp_path):
    write(tmp_path / "labels.tif", np.where(TRUTH > 9, 2, TRUTH))
    (tmp_path / "labels.vrt").write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="3"><VRTRasterBand dataType="Byte" band="1">'
        "<ColorInterp>Palette</ColorInterp><ColorTable>"
        '<Entry c1="0" c2="0" c3="0" c4="0"/><Entry c1="9" c2="9" c3="9" c4="0"/>'
        '<Entry c1="1" c2="2" c3="3" c4="255"/></ColorTable>'
        '<SimpleSource><SourceFilename relativeToVRT="1">labels.tif</SourceFilename>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    colors = open_labels(tmp_path / "labels.vrt", like=plain()).legend.colors
    assert colors[0] != (9, 9, 9)
    assert colors[1] == (1, 2, 3)


def test_a_map_of_ours_without_its_aux_xml(tmp_path):
    path = write(tmp_path / "map.tif", TRUTH)
    with rasterio.open(path, "r+") as file:
        file.update_tags(1, CLASS_1="Asphalt", CLASS_14="Water", CLASS_99="Snow")
    assert open_labels(path, like=scene()).legend.names[::3] == ("Asphalt", "Water")


@pytest.mark.parametrize("name", ["labels", "labels.img", "labels.hdr"])
def test_an_envi_classification(tmp_path, name):
    stem = "labels.img" if name.endswith(".img") else "labels"
    (tmp_path / stem).write_bytes(np.where(TRUTH > 9, 2, TRUTH).astype(np.uint8).tobytes())
    (tmp_path / "labels.hdr").write_text(
        "ENVI\nsamples = 4\nlines = 3\nbands = 1\nheader offset = 0\n"
        "file type = ENVI Classification\ndata type = 1\ninterleave = bsq\nbyte order = 0\n"
        "classes = 3\nclass lookup = {0, 0, 0, 10, 20, 30, 0, 139, 0}\n"
        "class names = { Unclassified,\n Bare soil, Trees }\n"
    )
    labels = open_labels(tmp_path / name, like=plain())
    assert labels.legend.names == ("Bare soil", "Trees")
    assert labels.legend.colors == ((10, 20, 30), (0, 139, 0))
    np.testing.assert_array_equal(labels.counts, [2, 6])


def test_a_png_with_a_palette(tmp_path):
    path = write(tmp_path / "mask.png", TRUTH, driver="PNG", crs=None, transform=None)
    np.testing.assert_array_equal(by_value(open_labels(path, like=plain())), TRUTH)


def test_matlab_5_and_7_3_and_numpy_come_out_the_same(tmp_path):
    h5py = pytest.importorskip("h5py")
    scipy.io.savemat(
        tmp_path / "v5.mat", {"truth": TRUTH.astype(float), "cube": np.ones((3, 4, 5))}
    )
    with h5py.File(tmp_path / "v73.mat", "w", userblock_size=512) as file:
        file["truth"] = TRUTH.T.astype(float)  # MATLAB stores columns first
        file["cube"] = np.ones((5, 4, 3))
    np.save(tmp_path / "truth.npy", TRUTH)
    np.savez(tmp_path / "truth.npz", truth=TRUTH, cube=np.ones((3, 4, 5)))
    for name in ("v5.mat", "v73.mat", "v5.mat:truth", "v73.mat:truth", "truth.npy", "truth.npz"):
        found = by_value(open_labels(tmp_path / name, like=scene()))
        np.testing.assert_array_equal(found, TRUTH, err_msg=name)


def test_which_array_of_a_file(tmp_path):
    scipy.io.savemat(tmp_path / "split.mat", {"train": TRUTH, "test": TRUTH * 2})
    with pytest.raises(InputError, match=r"train.*test|test.*train"):
        open_labels(tmp_path / "split.mat", like=plain())
    labels = open_labels(f"{tmp_path / 'split.mat'}:test", like=plain())
    assert labels.legend.values == (2, 20, 22, 28)
    with pytest.raises(InputError, match="truth"):
        open_labels(f"{tmp_path / 'split.mat'}:truth", like=plain())
    np.save(tmp_path / "cube.npy", np.ones((3, 4, 5)))
    with pytest.raises(InputError, match="cube"):
        open_labels(tmp_path / "cube.npy", like=plain())


def test_an_array_of_another_size(tmp_path):
    np.save(tmp_path / "truth.npy", TRUTH.T)
    with pytest.raises(InputError, match=r"4 rows by 3 columns.*transposed"):
        open_labels(tmp_path / "truth.npy", like=plain())


@pytest.mark.parametrize(
    "name", ["l.tif", "l.mat", "l.npy", "l.npz", "l.gpkg", "l.csv", "l", "l.hdr"]
)
def test_files_that_arent_there(tmp_path, name):
    with pytest.raises(InputError, match="isn't there") as caught:
        open_labels(tmp_path / name, like=scene())
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["l.tif", "l.mat", "l.npy", "l.npz", "l.hdr"])
def test_text_under_a_false_name(tmp_path, name):
    (tmp_path / name).write_text("nothing of the kind\n")
    with pytest.raises(InputError, match=r"l\."):
        open_labels(tmp_path / name, like=scene())


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_files_bring_out_nothing_but_an_input_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    name = data.draw(st.sampled_from(["raw.tif", "raw.mat", "raw.npy", "raw.npz"]))
    path = folder / name
    path.unlink(missing_ok=True)
    if name == "raw.tif":
        write(path, TRUTH, transform=from_origin(500_010, 5_799_990, 10, 10))
    elif name == "raw.mat":
        scipy.io.savemat(path, {"truth": TRUTH})
    elif name == "raw.npy":
        np.save(path, TRUTH)
    else:
        np.savez(path, truth=TRUTH)
    content = bytearray(path.read_bytes())
    flips = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6)
    for place, byte in data.draw(flips):
        if name != "raw.mat":  # SciPy 1.17 ends the process on an unknown number type in there
            content[place] = byte
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(InputError):
        open_labels(path, like=scene())


def placed(path, values, transform, crs="EPSG:32633"):
    profile = {"driver": "GTiff", "height": len(values), "width": len(values[0])}
    with rasterio.open(
        path, "w", crs=crs, transform=transform, count=1, dtype="uint8", **profile
    ) as file:
        file.write(np.asarray(values, np.uint8), 1)
    return path


EAST = from_origin(500_020, 5_800_000, 10, 10)
STRIPES = np.tile(np.arange(1, 9, dtype=np.uint8), (6, 1))


def scene_at(crs, grid):
    return scene_from_array(
        np.zeros((1, 6, 8), np.float32), crs=crs, transform=grid, source="scene.tif"
    )


@pytest.mark.parametrize(
    ("labels_crs", "scene_crs"), [(None, "EPSG:32633"), ("EPSG:32633", None), (None, None)]
)
def test_a_place_without_a_coordinate_system_is_a_place(tmp_path, labels_crs, scene_crs):
    like = scene_at(scene_crs, from_origin(500_000, 5_800_000, 10, 10))
    labels = open_labels(placed(tmp_path / "l.tif", STRIPES, EAST, labels_crs), like=like)
    found = np.array([0, *labels.legend.values])[labels.classes]
    assert found[0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
    assert "no coordinate system" in labels.notes[0]
    assert "laid where their own coordinates say" in labels.notes[0]


def test_labels_that_lie_elsewhere_or_nowhere_go_pixel_by_pixel_and_say_so(tmp_path):
    like = scene_at("EPSG:32633", from_origin(500_000, 5_800_000, 10, 10))
    far = placed(tmp_path / "far.tif", STRIPES, from_origin(0, 10, 1, 1), None)
    nowhere = tmp_path / "nowhere.npy"
    np.save(nowhere, STRIPES)
    for path in (far, nowhere):
        labels = open_labels(path, like=like)
        np.testing.assert_array_equal(labels.classes, STRIPES)
        assert "was laid on the scene pixel by pixel" in labels.notes[0]
    smaller = placed(tmp_path / "small.tif", STRIPES[:5], from_origin(0, 10, 1, 1), None)
    with pytest.raises(InputError, match="5 rows by 8 columns"):
        open_labels(smaller, like=like)


def test_the_same_grid_without_its_coordinate_system(tmp_path):
    grid = from_origin(500_000, 5_800_000, 10, 10)
    path = placed(tmp_path / "l.tif", STRIPES, grid, None)
    labels = open_labels(path, like=scene_at("EPSG:32633", grid))
    np.testing.assert_array_equal(labels.classes, STRIPES)
    assert "their grids are one" in labels.notes[0]


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_photo_that_asks_to_be_turned(tmp_path, orientation):
    """Scenes are taken as stored; labels of the turned picture are told from them."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = np.zeros((6, 8, 3), np.uint8)
    Image.fromarray(photo).save(tmp_path / "scene.jpg", exif=exif)
    like = open_scene(tmp_path / "scene.jpg")
    Image.fromarray(STRIPES).save(tmp_path / "stored.png")
    labels = open_labels(tmp_path / "stored.png", like=like)
    np.testing.assert_array_equal(labels.classes, STRIPES)
    assert f"without the turn that its EXIF orientation {orientation} asks for" in labels.notes[0]
    Image.fromarray(STRIPES.T.copy()).save(tmp_path / "turned.png")
    words = "EXIF orientation 6" if orientation == 6 else "transposed"
    with pytest.raises(InputError, match=words):
        open_labels(tmp_path / "turned.png", like=like)
