"""What `spectile info` is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from spectile.data.describe import band_ranges, describe
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene


def test_a_scene_with_everything(write_envi: Callable[..., Path]) -> None:
    pixels = np.arange(6 * 20 * 30, dtype=np.float32).reshape(6, 20, 30) + 1
    pixels[1] = -9  # flagged bad
    pixels[3] = -9  # empty without being flagged
    pixels[4] = 7
    pixels[5, :5] = np.nan
    path = write_envi(
        pixels,
        fields="wavelength units = Nanometers\nwavelength = {400, 500, 600, 700, 800, 900}\n"
        "fwhm = {6, 7, 8, 9, 10, 11}\nbbl = {1, 0, 1, 1, 1, 1}\ndata ignore value = -9\n"
        "map info = {UTM, 1, 1, 366000, 5810000, 30, 20, 33, North, WGS-84, units=Meters}\n",
    )
    told = json.loads(json.dumps(describe(open_scene(path)), allow_nan=False))
    assert told == {
        "path": str(path),
        "format": "ENVI (BSQ)",
        "height": 20,
        "width": 30,
        "bands": 6,
        "dtype": "float32",
        "bytes": 14_400,
        "scale": None,
        "offset": None,
        "wavelengths_nm": [400, 900],
        "fwhm_nm": [6, 11],
        "bad_bands": "2",
        "nodata": -9,
        "masked": None,
        "band_names": [],
        "acquired": None,
        "crs": "WGS 84 / UTM zone 33N (EPSG:32633)",
        "crs_unit": "metre",
        "pixel_size": [30, 20],
        "extent": [366000, 5809600, 366900, 5810000],
        "sample": {
            "pixels": 600,
            "share_of_scene": 1,
            "valid_share": 0.75,
            "minimum": 1,
            "maximum": 3600,
            "empty_bands": "2, 4",
            "constant_bands": "5",
        },
        "notes": [],
    }


def test_a_scene_with_nothing() -> None:
    scene = scene_from_array(np.full((2, 3, 4), np.nan), nodata=float("nan"))
    told = json.loads(json.dumps(describe(scene), allow_nan=False))
    assert told["nodata"] == "nan"
    assert told["crs"] is told["pixel_size"] is told["extent"] is told["wavelengths_nm"] is None
    assert told["bad_bands"] == ""
    assert told["sample"]["valid_share"] == 0
    assert told["sample"]["minimum"] is None
    assert told["sample"]["empty_bands"] == "1-2"


def test_pixels_of_a_turned_scene_keep_their_size() -> None:
    turned = Affine(8, -12, 5e5, 6, 16, 4e6)
    scene = scene_from_array(np.ones((1, 5, 5)), crs="EPSG:32633", transform=turned)
    assert describe(scene)["pixel_size"] == [10, 20]


def test_a_large_scene_is_sampled_from_corner_to_corner() -> None:
    pixels = np.zeros((1, 1000, 300), dtype=np.int16)
    pixels[0, 0, 0], pixels[0, -1, -1] = -5, 5
    sample = describe(scene_from_array(pixels))["sample"]
    assert sample["pixels"] == 16 * 64 * 64
    assert (sample["minimum"], sample["maximum"]) == (-5, 5)


@given(st.sets(st.integers(0, 60)))
def test_band_ranges_name_every_band_once(bands: set[int]) -> None:
    text = band_ranges(sorted(bands))
    named: list[int] = []
    for part in filter(None, text.split(", ")):
        first, _, last = part.partition("-")
        named += range(int(first) - 1, int(last or first))
    assert named == sorted(bands)
    assert text.count(",") == max(0, len([b for b in bands if b - 1 not in bands]) - 1)
