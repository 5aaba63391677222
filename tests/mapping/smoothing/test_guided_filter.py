"""Smoothed probabilities are what the filter's definition says, wherever an image is cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.mapping.smoothing.plain_filter import plain_filter

from spectile.data.preprocessing.guide import reach_of
from spectile.mapping.smoothing import guided_filter as module
from spectile.mapping.smoothing.guided_filter import guided_filter

Image = tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_]]


def image(height: int, width: int, channels: int = 3, seed: int = 0) -> Image:
    """Probabilities of four classes, a guide with an edge, and gaps."""
    rng = np.random.default_rng(seed)
    odds = rng.gamma(0.5, 1, (4, height, width)) + 1e-6
    guide = rng.normal(0, 1, (channels, height, width))
    guide[:, :, width // 2 :] += 3
    known = rng.random((height, width)) > 0.1
    return (odds / odds.sum(0)).astype(np.float32), guide, known


def filtered(found: Image, radius: int, epsilon: float = 0.1) -> NDArray[np.float32]:
    tensors = (torch.from_numpy(np.ascontiguousarray(array)) for array in found)
    smoothed: NDArray[np.float32] = guided_filter(*tensors, radius=radius, epsilon=epsilon).numpy()
    return smoothed


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(1, 19), st.integers(1, 13)),
    channels=st.integers(1, 3),
    radius=st.integers(1, 20),
    epsilon=st.sampled_from([1e-3, 0.1, 10.0]),
    seed=st.integers(0, 99),
)
def test_it_is_a_regression_in_each_window_over_the_pixels_with_data(
    size: tuple[int, int], channels: int, radius: int, epsilon: float, seed: int
) -> None:
    found = image(*size, channels, seed)
    smoothed = filtered(found, radius, epsilon)
    expected = plain_filter(*found, radius, epsilon)
    known = found[2]
    np.testing.assert_allclose(smoothed[:, known], expected[:, known], atol=1e-6)
    np.testing.assert_allclose(smoothed[:, known].sum(0), 1, atol=1e-6)


@pytest.mark.parametrize("radius", [1, 3, 20])
def test_rows_that_are_computed_together_dont_show(
    radius: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = image(150, 11)
    known = found[2]
    whole = filtered(found, radius)
    monkeypatch.setattr(module, "ROWS", 7)
    np.testing.assert_allclose(filtered(found, radius)[:, known], whole[:, known], atol=1e-7)


def test_nothing_beyond_its_reach_decides_on_a_pixel() -> None:
    probabilities, guide, known = image(31, 33)
    reach, row, column = reach_of(3), 15, 16
    whole = filtered((probabilities, guide, known), 3)
    cut = (..., slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1))
    part = filtered((probabilities[cut], guide[cut], known[cut]), 3)
    np.testing.assert_allclose(part[:, reach, reach], whole[:, row, column], atol=1e-7)


def test_pixels_without_data_pull_nothing() -> None:
    probabilities, guide, known = image(20, 20)
    expected = filtered((probabilities, guide, known), 2)[:, known]
    probabilities[:, ~known] = 1e6
    guide[:, ~known] = -1e3
    found = filtered((probabilities, guide, known), 2)[:, known]
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_edges_of_the_guide_stay_and_noise_goes() -> None:
    rng = np.random.default_rng(0)
    guide = np.zeros((1, 40, 40))
    guide[:, :, 20:] = 4
    sure = np.where(guide[0] > 0, 0.7, 0.3) + rng.normal(0, 0.3, (40, 40))
    first = sure.clip(0.01, 0.99).astype(np.float32)
    known = np.ones((40, 40), np.bool_)
    found = filtered((np.stack([first, 1 - first]), guide, known), 3)[0]
    wrong = [((image > 0.5) != (guide[0] > 0)).mean() for image in (first, found)]
    assert wrong[0] > 0.2
    assert wrong[1] < 0.03
