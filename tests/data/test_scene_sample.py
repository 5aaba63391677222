"""A sample of a scene, and what it says of the bands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene_sample import band_statistics, sample_spectra


def test_a_small_scene_comes_whole_but_for_its_gaps() -> None:
    pixels = np.arange(2 * 40 * 30, dtype=np.float32).reshape(2, 40, 30)
    pixels[1, 7, 9] = np.nan
    spectra = sample_spectra(scene_from_array(pixels), (1, 0), 40 * 30)
    assert spectra.shape == (40 * 30 - 1, 2)
    expected = np.delete(pixels.reshape(2, -1), 7 * 30 + 9, axis=1)[::-1].T
    np.testing.assert_array_equal(np.sort(spectra, axis=0), np.sort(expected, axis=0))


@given(
    height=st.integers(1, 90), width=st.integers(1, 90), count=st.integers(1, 900), edge=st.just(8)
)
def test_a_large_scene_gives_no_more_than_was_asked_for(
    height: int, width: int, count: int, edge: int
) -> None:
    places = np.arange(height * width, dtype=np.float64).reshape(1, height, width)
    found = sample_spectra(scene_from_array(places), (0,), count, edge=edge)[:, 0]
    assert 1 <= len(found) <= max(count, 1)
    assert len(np.unique(found)) == len(found)


def test_a_sample_is_from_all_over_the_scene() -> None:
    places = np.stack(np.indices((300, 500))).astype(np.float32)
    rows, columns = sample_spectra(scene_from_array(places), (0, 1), 4096, edge=8).T
    assert len(rows) > 3000
    for found, length in ((rows, 300), (columns, 500)):
        quarters = np.histogram(found, 4, (0, length))[0] / len(found)
        assert quarters.min() > 0.15


def test_what_cannot_be_read_is_left_out() -> None:
    scene = scene_from_array(np.ones((1, 48, 10), np.float32))

    class Damaged:
        block = (1, 1)

        def read(self, window: Window, bands: Any) -> Any:
            if window.row_off == 16:
                raise OSError("damaged")
            return scene.reader.read(window, bands)

        def close(self) -> None: ...

    assert len(sample_spectra(replace(scene, reader=Damaged()), (0,), 10_000)) == 320


def test_statistics_follow_a_change_of_light_to_the_letter() -> None:
    pixels = np.random.default_rng(0).gamma(2, 100, (3, 50, 60))
    pixels[2] = 7
    gain, offset = np.array([0.9, 1.3, 2.0]), np.array([10.0, -5.0, 0.0])
    before = band_statistics(scene_from_array(pixels), (0, 1, 2))
    changed = pixels * gain[:, None, None] + offset[:, None, None]
    after = band_statistics(scene_from_array(changed), (0, 1, 2))
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(after.means, before.means * gain + offset)
    np.testing.assert_allclose(after.deviations, before.deviations * gain)
    assert before.deviations[2] == 0


def test_statistics_stand_hot_pixels_and_dead_lines() -> None:
    pixels = np.random.default_rng(0).normal(300, 20, (1, 100, 100))
    pixels[0, :2] = 0  # a dead line or two
    pixels[0, 50, 50] = 1e9
    found = band_statistics(scene_from_array(pixels), (0,))
    assert found is not None
    assert found.means == pytest.approx(300, abs=2)
    assert found.deviations == pytest.approx(20, rel=0.15)  # without its tails


def test_a_scene_without_data_has_no_statistics() -> None:
    assert band_statistics(scene_from_array(np.full((2, 5, 5), np.nan)), (0, 1)) is None
