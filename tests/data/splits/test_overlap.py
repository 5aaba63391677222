from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spectile.data.splits.overlap import Overlap, measure_overlap, within_distance


def windows(shape: tuple[int, int], window: int) -> dict[tuple[int, int], set[int]]:
    """The pixels that each window holds under reflected padding, by the centre."""
    half = window // 2
    padded = np.pad(np.arange(shape[0] * shape[1]).reshape(shape), half, mode="reflect")
    return {
        (row, column): set(padded[row : row + window, column : column + window].ravel().tolist())
        for row, column in np.ndindex(*shape)
    }


@st.composite
def scenes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    window = draw(st.sampled_from([1, 3, 5, 7]))
    side = st.integers(max(window, 2), 11)
    shape = draw(st.tuples(side, side))
    codes = draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 0, 1, 3])))
    codes.flat[draw(st.integers(0, codes.size - 1))] = 3
    return codes == 1, codes == 3, window


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_shares_are_those_of_the_very_windows_that_a_network_sees(scene):
    train, test, window = scene
    seen_by = windows(train.shape, window)
    centres = {int(place) for place in np.flatnonzero(train)}
    trained = set().union(*(seen_by[tuple(place)] for place in np.argwhere(train).tolist()))
    tested = [seen_by[tuple(place)] for place in np.argwhere(test).tolist()]

    overlap = measure_overlap(train, test, window)

    assert overlap.overlap == sum(bool(pixels & centres) for pixels in tested) / len(tested)
    assert overlap.window_overlap == sum(bool(pixels & trained) for pixels in tested) / len(tested)


@settings(max_examples=60, deadline=None)
@given(scenes(), st.integers(1, 3))
def test_smoothing_widens_what_a_test_pixel_depends_on_and_not_what_was_trained_on(scene, radius):
    train, test, window = scene
    windows_of = windows(train.shape, window)
    centres = {int(place) for place in np.flatnonzero(train)}
    trained = set().union(*(windows_of[tuple(place)] for place in np.argwhere(train).tolist()))

    def depends_on(row: int, column: int) -> set[int]:
        """The windows of all pixels that exist as far away as the filter's means of means reach."""
        near = itertools.product(
            range(max(0, row - 2 * radius), min(train.shape[0], row + 2 * radius + 1)),
            range(max(0, column - 2 * radius), min(train.shape[1], column + 2 * radius + 1)),
        )
        return set().union(*(windows_of[place] for place in near))

    tested = [depends_on(*place) for place in np.argwhere(test).tolist()]
    overlap = measure_overlap(train, test, window, radius)
    assert overlap.honest_window == window + 4 * radius
    assert overlap.overlap == sum(bool(pixels & centres) for pixels in tested) / len(tested)
    assert overlap.window_overlap == sum(bool(pixels & trained) for pixels in tested) / len(tested)


def test_distances_far_beyond_the_scene_are_harmless():
    mask = np.zeros((3, 40), bool)
    mask[1, 0] = True
    assert within_distance(mask, 10_000).all()
    assert within_distance(mask, 38)[:, :39].all()
    assert not within_distance(mask, 38)[:, 39].any()
    assert not within_distance(np.zeros((3, 40), bool), 10_000).any()


def test_a_scene_of_millions_of_pixels_is_no_matter():
    train, test = np.zeros((2, 3000, 3000), bool)
    train[100:2900:50, 100:2900:50] = True
    test[110:2900:100, 110:2900:100] = True
    overlap = measure_overlap(train, test, 11)
    assert overlap.overlap == 0
    assert overlap.window_overlap == 1


def test_without_a_test_pixel_there_is_nothing_to_say():
    train = np.ones((3, 3), bool)
    with pytest.raises(ValueError, match="no test pixel"):
        measure_overlap(train, ~train, 3)


@pytest.mark.parametrize(
    ("window", "overlap", "window_overlap", "words"),
    [
        (
            25,
            0.8,
            0.93,
            "93% of test windows overlap a training window: this score measures memory",
        ),
        (25, 0.2, 0.95, "measures memory"),
        (25, 0.0, 0.4, "40% of test windows overlap a training window: this score is part memory"),
        (25, 0.0, 0.03, "3% of test windows .* generalisation, slightly flattered"),
        (25, 0.0, 0.0004, "^under 1% of test windows"),
        (25, 0.9, 0.9999, "^over 99% of test windows"),
        (25, 0.9, 1.0, "^100% of test windows"),
        (25, 0.0, 0.0, "^No test window shares a pixel .*: this score measures generalisation"),
        (1, 0.0, 0.0, "may still measure memory"),
    ],
)
def test_verdict(window, overlap, window_overlap, words):
    assert re.search(words, Overlap(window, overlap, window_overlap).verdict)


@pytest.mark.parametrize(
    ("window", "window_overlap", "words"),
    [
        (9, 0.0, "^No pixel of a training window is among the 21 x 21 that a test pixel's class "),
        (1, 0.0, "among the 13 x 13 .* depends on: this score measures generalisation"),
        (9, 0.4, "^40% of test pixels depend on pixels of a training window: .* part memory"),
    ],
)
def test_a_verdict_on_smoothed_maps_speaks_of_what_a_class_depends_on(
    window, window_overlap, words
):
    assert re.search(words, Overlap(window, 0.0, window_overlap, smooth=3).verdict)
