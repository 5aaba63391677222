"""Scales and masks: what a file's numbers stand for, and which of them stand for nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window
from tests.data.readers.test_open_raster import write_tif

from spectile.data.describe import describe
from spectile.data.readers.open import open_scene

WriteEnvi = Callable[..., Path]
REFLECTANCE = np.random.default_rng(0).integers(1, 9000, (4, 6, 7)).astype(np.uint16)
"""Ten thousandths."""


def scaled(path: Path, numbers: NDArray[np.generic], scale: float, offset: float) -> Path:
    write_tif(path, numbers)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (scale,) * file.count, (offset,) * file.count
    return path


def test_one_reflectance_whatever_its_storage(tmp_path: Path, write_envi: WriteEnvi) -> None:
    files = [
        write_tif(tmp_path / "floats.tif", (REFLECTANCE * 1e-4).astype(np.float32)),
        scaled(tmp_path / "scale.tif", REFLECTANCE, 1e-4, 0),
        scaled(tmp_path / "offset.tif", REFLECTANCE + 1000, 1e-4, -0.1),
        write_envi(REFLECTANCE, "a.dat", fields="reflectance scale factor = 10000\n"),
        write_envi(
            REFLECTANCE + 1000,
            "b.dat",
            fields="data gain values = {1e-4, 1e-4,\n 1e-4, 1e-4}\n"
            "data offset values = {-0.1, -0.1, -0.1, -0.1}\n",
        ),
    ]
    wanted = (REFLECTANCE * 1e-4).astype(np.float32)
    for file in files:
        scene = open_scene(file)
        assert scene.dtype == np.float32
        np.testing.assert_allclose(scene.read(), wanted, rtol=2e-7, atol=1e-9)
        window = scene.read(Window(2, 1, 4, 3), [3, 0])
        np.testing.assert_allclose(window, wanted[[3, 0], 1:4, 2:6], rtol=2e-7, atol=1e-9)


def test_info_shows_scale_and_offset(tmp_path: Path) -> None:
    told = describe(open_scene(scaled(tmp_path / "scene.tif", REFLECTANCE, 1e-4, -0.1)))
    assert told["scale"] == pytest.approx(1e-4)
    assert told["offset"] == pytest.approx(-0.1)
    assert told["dtype"] == "uint16"
    assert told["bytes"] == REFLECTANCE.nbytes
    assert told["sample"]["maximum"] == pytest.approx(REFLECTANCE.max() * 1e-4 - 0.1)


def test_nodata_is_looked_for_in_the_stored_numbers(tmp_path: Path) -> None:
    numbers = REFLECTANCE.copy()
    numbers[1, 2, 3], numbers[0, 0, 0] = 0, 1000  # 1000 is a reflectance of 0, the nodata number
    path = write_tif(tmp_path / "scene.tif", numbers, nodata=0)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (1e-4,) * 4, (-0.1,) * 4
    scene = open_scene(path)
    assert np.argwhere(~scene.valid(scene.read())).tolist() == [[2, 3]]
    assert scene.nodata == 0
    assert scene.unscaled is not None
    assert scene.unscaled.read()[0, 0, 0] == 1000


def test_gains_are_used_where_a_factor_contradicts_them(write_envi: WriteEnvi) -> None:
    path = write_envi(
        REFLECTANCE,
        fields="data gain values = {2, 2, 2, 2}\nreflectance scale factor = 10000\n",
    )
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.read(), REFLECTANCE * 2.0)
    (note,) = scene.notes
    assert "the gains are used" in note


@pytest.mark.parametrize(
    "fields",
    [
        "data gain values = {1, 2}\n",
        "data gain values = {1, 2, 3, four}\n",
        "reflectance scale factor = 0\n",
        "data gain values = {1, 0, 1, 1}\n",
    ],
)
def test_scales_that_make_no_sense_are_noted(write_envi: WriteEnvi, fields: str) -> None:
    scene = open_scene(write_envi(REFLECTANCE, fields=fields))
    np.testing.assert_array_equal(scene.read(), REFLECTANCE)
    (note,) = scene.notes
    assert "used" in note


def test_a_scale_that_changes_nothing_costs_nothing(write_envi: WriteEnvi) -> None:
    fields = "data gain values = {1, 1, 1, 1}\nreflectance scale factor = 1\n"
    scene = open_scene(write_envi(REFLECTANCE, fields=fields))
    assert scene.dtype == np.uint16
    assert scene.scaling is None
    assert scene.notes == ()


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("nodata", [None, 7])
def test_masks_hide_pixels(tmp_path: Path, inside: bool, nodata: int | None) -> None:
    numbers = REFLECTANCE.copy()
    numbers[2, 5, 5] = 7
    path = write_tif(tmp_path / "scene.tif", numbers, nodata=nodata)
    mask = np.full((6, 7), 255, np.uint8)
    mask[:2] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    scene = open_scene(path)
    seen = mask > 0
    if nodata is not None:
        seen[5, 5] = False
    np.testing.assert_array_equal(scene.valid(scene.read()), seen)
    np.testing.assert_array_equal(scene.read()[:, seen], numbers[:, seen])
    window = Window(1, 1, 4, 5)
    np.testing.assert_array_equal(scene.valid(scene.read(window, [1])), mask[1:6, 1:5] > 0)
    sent = pickle.loads(pickle.dumps(scene.reader))
    np.testing.assert_array_equal(np.isnan(sent.read(window, [1])[0]), mask[1:6, 1:5] == 0)
    assert describe(scene)["masked"]


def test_a_mask_beside_an_envi_scene(write_envi: WriteEnvi) -> None:
    path = write_envi(REFLECTANCE)
    mask = np.zeros((1, 6, 7), np.uint8)
    mask[:, 3:] = 255
    write_tif(path.with_name("made.tif"), mask)
    path.with_name("made.tif").rename(f"{path}.msk")
    with rasterio.open(f"{path}.msk", "r+") as file:
        file.update_tags(INTERNAL_MASK_FLAGS_1="2")
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.valid(scene.read()), mask[0] > 0)


def test_alpha_is_a_mask_and_no_band(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(1, 255, (4, 6, 7)).astype(np.uint8)
    colors[3] = 255
    colors[3, :2] = 0
    path = write_tif(tmp_path / "rgba.tif", colors, photometric="RGB", alpha="YES")
    scene = open_scene(path)
    assert scene.bands == 3
    np.testing.assert_array_equal(scene.valid(scene.read()), colors[3] > 0)
    np.testing.assert_array_equal(scene.read()[:, 3:], colors[:3, 3:])


@pytest.mark.parametrize("infrared", [0, None])
def test_a_fourth_band_that_gdal_takes_for_alpha(tmp_path: Path, infrared: int | None) -> None:
    """GDAL marks the fourth of four 8-bit bands so unless told otherwise."""
    numbers = np.random.default_rng(0).integers(1, 255, (4, 6, 7)).astype(np.uint8)
    if infrared is not None:
        numbers[3] = infrared
    path = write_tif(tmp_path / "scene.tif", numbers)
    with rasterio.open(path) as file:
        assert file.colorinterp[3] == ColorInterp.alpha
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.read(), numbers)
    (note,) = scene.notes
    assert "taken for a band" in note


@pytest.mark.parametrize(
    ("text", "nodata"),
    [
        ("17", 17),
        ("{17}", 17),
        ("{ 17 }", 17),
        ('"17"', 17),
        ("1.7d+1", 17),
        ("{17, 17, 17, 17, 17}", 17),
        ("None", None),
        ("{}", None),
    ],
)
def test_spellings_of_the_ignored_value(
    write_envi: WriteEnvi, pixels: NDArray[np.int16], text: str, nodata: float | None
) -> None:
    scene = open_scene(write_envi(pixels, fields=f"data ignore value = {text}\n"))
    assert scene.nodata == nodata
    assert scene.notes == ()
    missing = ~scene.valid(scene.read())
    np.testing.assert_array_equal(missing, (pixels == nodata).any(axis=0))


def test_an_ignored_value_that_is_none(write_envi: WriteEnvi, pixels: NDArray[np.int16]) -> None:
    """GDAL takes it for 0, and a pixel of 0 is data."""
    scene = open_scene(write_envi(pixels, fields="data ignore value = water\n"))
    assert scene.valid(scene.read()).all()
    (note,) = scene.notes
    assert "'water' is no number" in note


def test_nan_as_ignored_value(write_envi: WriteEnvi, pixels: NDArray[np.int16]) -> None:
    stored = pixels.astype(np.float32)
    stored[2, 3, 4] = np.nan
    scene = open_scene(write_envi(stored, fields='data ignore value = "NaN"\n'))
    assert np.argwhere(~scene.valid(scene.read())).tolist() == [[3, 4]]


def test_an_ignored_value_for_each_band(write_envi: WriteEnvi, pixels: NDArray[np.int16]) -> None:
    scene = open_scene(write_envi(pixels, fields="data ignore value = {0, 43, 2, 3, 4}\n"))
    assert np.argwhere(~scene.valid(scene.read())).tolist() == [[0, 0], [0, 1]]
