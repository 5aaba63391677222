"""ENVI scenes: names, layouts, dialects, and headers that don't match their pixels."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.readers.open import open_scene
from spectile.errors import InputError

Pixels = NDArray[np.int16]
WriteEnvi = Callable[..., Path]

MAP_INFO = "map info = {UTM, 1, 1, 366000, 5810000, 30, 30, 33, North, WGS-84, units=Meters}\n"
SPECTRUM = (
    "wavelength units = Micrometers\nwavelength = {0.4, 0.5, 0.6, 0.7, 0.8}\n"
    "fwhm = {0.01, 0.01, 0.01, 0.01, 0.02}\nbbl = {1, 1, 0, 1, 1}\ndata ignore value = 17\n"
)


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip", "BIL"])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32", "float64", "int32", "uint8"])
def test_every_layout_gives_the_same_pixels(
    pixels: Pixels, write_envi: WriteEnvi, interleave: str, big_endian: bool, dtype: str
) -> None:
    stored = pixels.astype(dtype)
    scene = open_scene(write_envi(stored, interleave=interleave, big_endian=big_endian, offset=13))
    assert scene.format == f"ENVI ({interleave.upper()})"
    assert scene.dtype == stored.dtype
    whole = scene.read()
    assert whole.dtype == stored.dtype
    np.testing.assert_array_equal(whole, stored)
    window = scene.read(Window(2, 1, 4, 3), [4, 0, 1])
    np.testing.assert_array_equal(window, stored[[4, 0, 1], 1:4, 2:6])


@pytest.mark.parametrize(
    ("data", "header"),
    [
        ("scene", "scene.hdr"),
        ("scene.dat", "scene.hdr"),
        ("scene.img", "scene.img.hdr"),
        ("scene.bil", "scene.HDR"),
        ("scene.2019", "scene.2019.hdr"),
        ("scene.rad", "scene.hdr"),
    ],
)
def test_either_file_of_the_two_opens_the_scene(
    pixels: Pixels, write_envi: WriteEnvi, tmp_path: Path, data: str, header: str
) -> None:
    write_envi(pixels, data, header=header)
    (tmp_path / "scene.txt").write_text("somebody's notes")
    for name in (data, header):
        np.testing.assert_array_equal(open_scene(tmp_path / name).read(), pixels)


def test_the_header_tells_spectrum_nodata_and_place(pixels: Pixels, write_envi: WriteEnvi) -> None:
    scene = open_scene(write_envi(pixels, fields=SPECTRUM + MAP_INFO))
    assert scene.wavelengths is not None
    assert scene.fwhm is not None
    np.testing.assert_allclose(scene.wavelengths, [400, 500, 600, 700, 800])
    np.testing.assert_allclose(scene.fwhm, [10, 10, 10, 10, 20])
    assert scene.good_bands.tolist() == [True, True, False, True, True]
    assert scene.nodata == 17
    assert scene.crs is not None
    assert scene.crs.to_epsg() == 32633
    assert scene.transform == Affine(30, 0, 366000, 0, -30, 5810000)


@pytest.mark.parametrize(
    "fields", ["", "map info = {Arbitrary, 1, 1, 0, 0, 1, 1, 0, North}\n", "map info = {}\n"]
)
def test_counted_pixels_are_no_georeference(
    pixels: Pixels, write_envi: WriteEnvi, fields: str
) -> None:
    scene = open_scene(write_envi(pixels, fields=fields))
    assert scene.crs is None
    assert scene.transform is None


def test_a_header_that_gdal_refuses_is_read_all_the_same(
    pixels: Pixels, write_envi: WriteEnvi
) -> None:
    path = write_envi(pixels, interleave="bip", fields=SPECTRUM, first_line="  ENVI")
    for name in (path, path.with_suffix(".hdr")):
        scene = open_scene(name)
        np.testing.assert_array_equal(scene.read(Window(1, 2, 3, 4)), pixels[:, 2:6, 1:4])
        assert scene.wavelengths is not None
        np.testing.assert_allclose(scene.wavelengths, [400, 500, 600, 700, 800])
        assert scene.good_bands.tolist() == [True, True, False, True, True]
        assert scene.nodata == 17


def test_an_aux_file_left_behind_does_not_move_the_pixels(
    pixels: Pixels, write_envi: WriteEnvi
) -> None:
    path = write_envi(pixels, big_endian=True, offset=10)
    Path(f"{path}.aux.xml").write_text(
        '<PAMDataset><Metadata domain="ENVI"><MDI key="byte_order">0</MDI>'
        '<MDI key="header_offset">0</MDI></Metadata></PAMDataset>'
    )
    np.testing.assert_array_equal(open_scene(path).read(), pixels)


def test_accents_in_a_header_do_no_harm(pixels: Pixels, write_envi: WriteEnvi) -> None:
    path = write_envi(pixels, fields="sensor = Höhenflug é µm\n" + SPECTRUM)
    assert open_scene(path).wavelengths is not None


def test_a_scene_in_an_archive(pixels: Pixels, write_envi: WriteEnvi, tmp_path: Path) -> None:
    path = write_envi(pixels, interleave="bip", big_endian=True)
    with zipfile.ZipFile(tmp_path / "scene.zip", "w") as archive:
        archive.write(path, "scene.dat")
        archive.write(path.with_suffix(".hdr"), "scene.hdr")
    scene = open_scene(f"/vsizip/{tmp_path}/scene.zip/scene.dat")
    np.testing.assert_array_equal(scene.read(), pixels)


def test_a_scene_larger_than_memory_opens_and_is_read_in_windows(tmp_path: Path) -> None:
    path = tmp_path / "large.dat"
    with path.open("wb") as file:
        file.truncate(50_000 * 50_000 * 100 * 2)  # half a terabyte, of which nothing is stored
    path.with_suffix(".hdr").write_text(
        "ENVI\nsamples = 50000\nlines = 50000\nbands = 100\ndata type = 2\n"
        "interleave = bil\nbyte order = 0\n"
    )
    scene = open_scene(path)
    assert scene.read(Window(49_990, 49_990, 10, 10)).shape == (100, 10, 10)


def test_pixels_fewer_than_the_header_says(pixels: Pixels, write_envi: WriteEnvi) -> None:
    path = write_envi(pixels)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"scene\.dat has 419 bytes .* says 420"):
        open_scene(path)


def test_a_file_cut_short_after_opening(pixels: Pixels, write_envi: WriteEnvi) -> None:
    path = write_envi(pixels)
    scene = open_scene(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"scene\.dat can't be read in rows 1 to 6"):
        scene.read()


def test_header_without_pixels(pixels: Pixels, write_envi: WriteEnvi) -> None:
    path = write_envi(pixels)
    path.unlink()
    with pytest.raises(InputError, match=r"scene\.hdr is a header.*not beside it"):
        open_scene(path.with_suffix(".hdr"))


def test_pixels_without_header(pixels: Pixels, write_envi: WriteEnvi) -> None:
    path = write_envi(pixels)
    path.with_suffix(".hdr").unlink()
    with pytest.raises(InputError, match=r"scene\.dat can't be read as an image.*\.hdr beside it"):
        open_scene(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lines = 6", "lines = 1000000000", "where its header says"),
        ("lines = 6", "lines = -6", "-6 lines"),
        ("lines = 6", "lines = many", "can't be understood"),
        ("data type = 2", "data type = 99", "can't be understood"),
        ("data type = 2", "data type = 6", "complex64"),
        ("header offset = 0", "header offset = x", "whole number"),
        ("header offset = 0", "header offset = -4", "header offset of -4"),
        ("byte order = 0", "byte order = 0\nminor frame offsets = {2, 2}", "minor frame offsets"),
    ],
)
def test_headers_that_make_no_sense(
    pixels: Pixels, write_envi: WriteEnvi, old: str, new: str, message: str
) -> None:
    path = write_envi(pixels)
    path.write_bytes(bytes(4 * path.stat().st_size))  # enough for complex numbers
    header = path.with_suffix(".hdr")
    header.write_text(header.read_text().replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        open_scene(path)
    assert "scene" in str(caught.value)
