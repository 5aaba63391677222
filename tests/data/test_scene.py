"""Reading windows of a scene, and which of its pixels hold data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.datasets.simulated import simulate_file
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.data.thinned import read_thinned
from spectile.errors import InputError

HEIGHT, WIDTH, BANDS = 41, 37, 6


@pytest.fixture(scope="module", params=["scene.tif", "scene"])
def same_twice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    path = tmp_path_factory.mktemp("scene") / request.param
    simulate_file(path, HEIGHT, WIDTH, BANDS, 3, seed=0)
    scene = open_scene(path)
    return scene, scene.read()


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_window_is_a_cut_of_the_whole(same_twice: tuple, data: st.DataObject) -> None:
    scene, whole = same_twice
    row = data.draw(st.integers(0, HEIGHT - 1))
    column = data.draw(st.integers(0, WIDTH - 1))
    height = data.draw(st.integers(1, HEIGHT - row))
    width = data.draw(st.integers(1, WIDTH - column))
    bands = data.draw(st.lists(st.integers(0, BANDS - 1), min_size=1, max_size=8))
    np.testing.assert_array_equal(
        scene.read(Window(column, row, width, height), bands),
        whole[bands, row : row + height, column : column + width],
    )


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_thinned_is_every_nth_pixel(same_twice: tuple, step: int) -> None:
    scene, whole = same_twice
    np.testing.assert_array_equal(read_thinned(scene, [4, 1], step), whole[[4, 1], ::step, ::step])


def test_thinned_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(2 * 50 * 8).reshape(2, 50, 8)
    scene = scene_from_array(pixels)
    for block, limit in (((16, 16), 1 << 20), ((50, 1), 1000), ((7, 3), 100)):
        monkeypatch.setattr(type(scene.reader), "block", block)
        monkeypatch.setattr("spectile.data.thinned._BYTES_AT_ONCE", limit)
        for step in (1, 3, 8):
            np.testing.assert_array_equal(
                read_thinned(scene, [1, 0], step), pixels[[1, 0], ::step, ::step]
            )


@pytest.mark.parametrize(
    "window",
    [Window(-1, 0, 2, 2), Window(0, 40, 2, 2), Window(36, 0, 2, 2), Window(0.5, 0, 2, 2)],
)
def test_windows_that_leave_the_scene(same_twice: tuple, window: Window) -> None:
    scene, _ = same_twice
    with pytest.raises(ValueError, match="no window of whole pixels"):
        scene.read(window)


def test_bands_beyond_the_scene(same_twice: tuple) -> None:
    scene, _ = same_twice
    for band in (-1, BANDS):
        with pytest.raises(ValueError, match="beyond the 6"):
            scene.read(bands=[band])


@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32", "float64"])
def test_nodata_in_any_band_makes_a_pixel_invalid(dtype: str) -> None:
    pixels = np.ones((3, 2, 2), dtype=dtype)
    pixels[1, 0, 1] = 99
    scene = scene_from_array(pixels, nodata=99)
    assert scene.valid(scene.read()).tolist() == [[True, False], [True, True]]
    assert scene.valid(scene.read(bands=[0, 2])).all()


def test_nan_and_infinity_are_never_data() -> None:
    pixels = np.ones((2, 1, 4), dtype=np.float32)
    pixels[0, 0, 0], pixels[1, 0, 1], pixels[1, 0, 2] = np.nan, np.inf, -np.inf
    scene = scene_from_array(pixels)
    assert scene.valid(pixels).tolist() == [[False, False, False, True]]


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("uint8", -9999.0), ("uint8", 1.5), ("uint16", float("nan")), ("int16", 1e30)],
)
def test_nodata_that_the_type_cannot_hold_hides_nothing(dtype: str, nodata: float) -> None:
    pixels = np.array([0, 1, 241, 255]).astype(dtype).reshape(1, 1, 4)
    assert scene_from_array(pixels, nodata=nodata).valid(pixels).all()


def test_nodata_of_float32_is_compared_as_stored() -> None:
    # -3.4028235e38 in a file's metadata has more digits than the pixels.
    pixels = np.full((1, 1, 2), np.finfo(np.float32).min)
    pixels[0, 0, 1] = 0
    scene = scene_from_array(pixels, nodata=-3.402823466385289e38)
    assert scene.valid(pixels).tolist() == [[False, True]]


def test_a_window_larger_than_memory_is_a_matter_of_input(
    pixels: NDArray[np.int16], write_envi: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_envi(pixels, "large.dat")
    with path.open("r+b") as file:
        file.truncate(1_000_000 * 1_000_000 * 5 * 2)
    header = path.with_suffix(".hdr")
    text = header.read_text().replace("lines = 6", "lines = 1000000")
    header.write_text(text.replace("samples = 7", "samples = 1000000"))
    with pytest.raises(InputError, match=r"10,000\.0 GB asked for at once"):
        open_scene(path).read()


def test_arrays_become_scenes(pixels: NDArray[np.int16]) -> None:
    scene = scene_from_array(
        pixels, wavelengths=[400, 500, 600, 700, 800], crs="EPSG:32633", source="notebook"
    )
    np.testing.assert_array_equal(scene.read(Window(1, 2, 3, 4)), pixels[:, 2:6, 1:4])
    assert scene.crs is not None
    scene.read()[:] = 0
    assert pixels.any(), "what is read is a copy"
    with pytest.raises(InputError, match="notebook has 5 bands, but 2 wavelengths"):
        scene_from_array(pixels, wavelengths=[1, 2], source="notebook")
    with pytest.raises(InputError, match="array has 2 axes"):
        scene_from_array(pixels[0])
    with pytest.raises(InputError, match="holds complex"):
        scene_from_array(pixels * 1j)
