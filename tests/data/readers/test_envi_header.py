"""ENVI headers in which texts look like fields, and other things that people and editors do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from spectral.io import envi

from spectile.data.readers.envi_header import read_header
from spectile.data.readers.open import open_scene
from spectile.errors import InputError

Pixels = NDArray[np.int16]
WriteEnvi = Callable[..., Path]


@pytest.mark.parametrize(
    "text",
    [
        "description = {\n  made from a cube with\n  byte order = 1\n  }\n",
        "description = {made with\n  file compression = 1}\n",
        "description = {\n lines = 99\n samples = 98 }\n",
        "description = {of {curly\n lines = 99} braces}\n",
        "description = { an open { brace }\n",
        'description = "an open { brace"\n',
        "description = {lines = 3; samples = 4; ' \"}\n",
        "; lines = 99\n",
        "history = {a = 1,\n header offset = 8,\n b = 2}\n",
        "band names = {a = 1, lines = 4,\n samples = 2, d, e}\n",
    ],
)
def test_what_stands_in_a_text_is_text(pixels: Pixels, write_envi: WriteEnvi, text: str) -> None:
    path = write_envi(pixels, fields=text + "wavelength = {\n 400, 500, 600,\n 700, 800}\n")
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.read(), pixels)
    np.testing.assert_array_equal(scene.wavelengths, [400, 500, 600, 700, 800])


@pytest.mark.parametrize("text", ["description = {x\n  byte order = 1\n}\n", "; a comment = 3\n"])
def test_spectral_reads_the_same(pixels: Pixels, write_envi: WriteEnvi, text: str) -> None:
    path = write_envi(pixels, interleave="bil", fields=text)
    other = np.asarray(envi.open(path.with_suffix(".hdr"), path).load()).transpose(2, 0, 1)
    np.testing.assert_array_equal(open_scene(path).read(), other)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_encoding_and_line_end(
    pixels: Pixels, write_envi: WriteEnvi, encoding: str, end: str
) -> None:
    path = write_envi(
        pixels,
        fields="sensor = Höhenflug\n"
        "map info = {UTM, 1, 1, 366000, 5810000, 30, 30, 33, North, WGS-84}\n",
    )
    header = path.with_suffix(".hdr")
    text = header.read_text(encoding="latin-1")
    header.write_bytes(text.replace("\n", end).encode(encoding))
    for name in (path, header):
        scene = open_scene(name)
        np.testing.assert_array_equal(scene.read(), pixels)
        assert scene.crs is not None
        assert scene.crs.to_epsg() == 32633


def test_a_field_twice(pixels: Pixels, write_envi: WriteEnvi) -> None:
    np.testing.assert_array_equal(
        open_scene(write_envi(pixels, fields="lines = 6\n")).read(), pixels
    )
    with pytest.raises(InputError, match=r"says lines = 6 and 3: keep the line that is right"):
        open_scene(write_envi(pixels, fields="lines = 3\n"))
    with pytest.raises(InputError, match=r"interleave = bsq and bil"):
        open_scene(write_envi(pixels, fields="interleave = bil\n"))
    scene = open_scene(write_envi(pixels, fields="data ignore value = 1\ndata ignore value = 2\n"))
    assert scene.nodata == 2
    assert scene.notes == ("the header says data ignore value 2 times: the last one is used",)


def test_a_spectral_library_is_no_image(pixels: Pixels, write_envi: WriteEnvi) -> None:
    path = write_envi(pixels[:1], "library.sli")
    header = path.with_suffix(".hdr")
    header.write_text(header.read_text().replace("ENVI Standard", "ENVI Spectral Library"))
    for name in (path, header):
        with pytest.raises(InputError, match=r"spectral library of 6 spectra"):
            open_scene(name)


def test_names_and_date(pixels: Pixels, write_envi: WriteEnvi) -> None:
    fields = "band names = {Blue, Green\n 2, Red, NIR, SWIR 1}\nacquisition time = 2021-06-01\n"
    scene = open_scene(write_envi(pixels, fields=fields))
    assert scene.band_names == ("Blue", "Green 2", "Red", "NIR", "SWIR 1")
    assert scene.acquired == "2021-06-01"


@given(st.text())
def test_any_text_is_a_header_or_none(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.hdr"
    path.write_text("ENVI\n" + text, encoding="utf-8", errors="replace")
    header = read_header(path)
    assert header is not None
    assert all(name == name.lower() for name in header.fields)
