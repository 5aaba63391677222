"""Changed scenes: each change is what its name says, and gaps stay gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.changed_scene import (
    PERIOD,
    Change,
    changed,
    changes,
    noise_deviations,
    remembered,
)
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene

BANDS = 40


@pytest.fixture
def scene() -> Scene:
    """Digital numbers, one pixel without data, bands of 10 nm that get wider."""
    rng = np.random.default_rng(0)
    course = 2000 + 30 * np.arange(BANDS)[:, None, None]
    cube = np.round(course + rng.normal(0, 20, (BANDS, 70, 80))).astype(np.int16)
    cube[3, 5, 6] = -1
    return scene_from_array(cube, wavelengths=400 + np.cumsum(np.arange(BANDS) + 10), nodata=-1)


def all_of(scene: Scene, bands: range = range(BANDS)) -> dict[tuple[str, float], Change]:
    made = changes(scene, bands, np.full(len(bands), 7.0))
    return {(change.name, change.size): change for change in made}


def values(scene: Scene, change: Change, bands: range = range(BANDS)) -> NDArray[np.float64]:
    read: NDArray[np.float64] = changed(scene, bands, change).read(bands=bands).astype(np.float64)
    return read


def gains(scene: Scene, change: Change) -> NDArray[np.float64]:
    at = values(scene, change)[:, 20, 30] / scene.read()[:, 20, 30]
    return np.round(at, 5)


def test_light_is_one_gain_and_a_tilt_a_line_over_wavelength(scene: Scene) -> None:
    of = all_of(scene)
    assert set(gains(scene, of["light", 0.95])) == {0.95}
    tilt = gains(scene, of["tilt", 0.05])
    assert (tilt[0], tilt[-1]) == (0.95, 1.05)
    assert scene.wavelengths is not None
    slopes = np.diff(tilt) / np.diff(scene.wavelengths)
    np.testing.assert_allclose(slopes, slopes[0], rtol=0.05)  # rounded gains
    np.testing.assert_allclose(gains(scene, of["tilt", -0.05]), 2 - tilt, atol=2e-5)


def test_a_bow_has_no_mean_and_is_largest_at_an_end(scene: Scene) -> None:
    bow = gains(scene, all_of(scene)["bow", -0.05]) - 1
    assert abs(bow.mean()) < 1e-5
    assert np.abs(bow).max() == pytest.approx(0.05, abs=1e-5)
    assert bow[0] < 0 > bow[-1]
    assert bow[BANDS // 2] > 0


def test_a_shift_follows_a_line_through_neighbours(scene: Scene) -> None:
    ramp = scene_from_array(np.broadcast_to(np.arange(BANDS)[:, None, None] * 10.0, (BANDS, 3, 3)))
    for size in (-0.5, -0.1, 0.1, 0.5):
        moved = values(ramp, all_of(ramp)["shift", size])
        np.testing.assert_allclose(moved - ramp.read(), 10 * size, atol=1e-4)


def test_a_shift_knows_bands_that_are_left_out_and_detectors() -> None:
    bands = [0, 1, 2, 10, 11, 12]
    wavelengths = np.arange(13) * 10.0
    ramp = np.broadcast_to(wavelengths[:, None, None], (13, 2, 2)).copy()
    scene = scene_from_array(ramp, wavelengths=wavelengths)
    change = next(c for c in changes(scene, bands, np.zeros(6)) if c.size == 0.5)
    moved = changed(scene, bands, change).read(bands=bands)[:, 0, 0]
    np.testing.assert_allclose(moved, ramp[bands, 0, 0] + 5)
    overlapping = np.concatenate([wavelengths[:7], wavelengths[:6] + 45])  # starts below the last
    scene = scene_from_array(
        np.broadcast_to(overlapping[:, None, None], (13, 2, 2)).copy(), wavelengths=overlapping
    )
    change = next(c for c in changes(scene, range(13), np.zeros(13)) if c.size == 0.5)
    moved = changed(scene, range(13), change).read()[:, 0, 0]
    np.testing.assert_allclose(moved, overlapping + 5)


def test_noise_is_that_of_the_scene_and_of_the_pixel(scene: Scene) -> None:
    np.testing.assert_allclose(noise_deviations(scene, range(BANDS)), 20, rtol=0.06)
    of = all_of(scene)
    once, four = (values(scene, of["noise", size]) - scene.read() for size in (1, 4))
    assert np.nanstd(once) == pytest.approx(20, rel=0.03)
    np.testing.assert_allclose(four, 4 * once, atol=0.01)
    part = changed(scene, range(BANDS), of["noise", 1]).read(Window(11, 7, 20, 30), range(BANDS))
    np.testing.assert_array_equal(part, values(scene, of["noise", 1])[:, 7:37, 11:31])
    assert PERIOD > 80


def test_noise_is_not_made_of_edges() -> None:
    cube = np.random.default_rng(0).normal(0, 1, (2, 64, 64))
    cube[:, :, ::4] += 1000
    assert (noise_deviations(scene_from_array(cube), range(2)) < 100).all()


def test_lost_bands_hold_what_is_typical(scene: Scene) -> None:
    left = values(scene, all_of(scene)["lost", 0.05])
    lost = [band for band in range(BANDS) if (left[band, 20] == 7).all()]
    assert lost == [10, 30]
    kept = [band for band in range(BANDS) if band not in lost]
    np.testing.assert_array_equal(left[kept, 20:], scene.read()[kept, 20:])


def test_gaps_stay_gaps(scene: Scene) -> None:
    for change in all_of(scene).values():
        other = changed(scene, range(BANDS), change)
        valid = other.valid(other.read(bands=range(BANDS)))
        np.testing.assert_array_equal(valid, scene.valid(scene.read()))


@pytest.mark.parametrize(
    ("bands", "names"),
    [
        (1, {"light", "noise"}),
        (3, {"light", "tilt", "noise"}),
        (19, {"light", "tilt", "bow", "noise", "shift"}),
        (20, {"light", "tilt", "bow", "noise", "shift", "lost"}),
    ],
)
def test_a_scene_of_few_bands_has_fewer_changes(scene: Scene, bands: int, names: set[str]) -> None:
    assert {name for name, _ in all_of(scene, range(bands))} == names


def test_a_window_is_read_once_while_there_is_room(scene: Scene) -> None:
    class Counting:
        block = (1, 1)
        reads = 0

        def read(self, window: Window, bands: Sequence[int]) -> NDArray[np.int16]:
            self.reads += 1
            return np.ones((len(bands), window.height, window.width), np.int16)

        def close(self) -> None: ...

    for gigabytes, reads in ((1.0, 2), (1e-9, 4)):
        reader = Counting()
        here = remembered(replace(scene, reader=reader), gigabytes)
        for _ in range(2):
            here.read(Window(0, 0, 5, 5), range(3))
            here.read(Window(1, 0, 5, 5), range(3))
        assert reader.reads == reads
