"""Temperature and reliability: found again where known, and sensible where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from spectile.model.temperature import with_temperature
from spectile.scoring.calibration import (
    expected_calibration_error,
    fitted_temperature,
    reliability,
)


def honest(pixels: int = 20_000) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities (N, 4), and classes drawn just so."""
    rng = np.random.default_rng(0)
    probabilities = softmax(rng.normal(0, 2, (pixels, 4)), axis=1)
    drawn = (rng.random(pixels)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, drawn.clip(max=3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_is_found_again(temperature: float) -> None:
    probabilities, truth = honest()
    spoilt = with_temperature(probabilities.T, 1 / temperature).T
    assert fitted_temperature(spoilt, truth) == pytest.approx(temperature, rel=0.03)
    before, after = (
        expected_calibration_error(reliability(each, truth))
        for each in (spoilt, with_temperature(spoilt.T, temperature).T)
    )
    assert after < 0.012
    assert before > 0.1 or temperature == 1


def test_a_network_without_a_mistake_on_few_pixels_is_not_sure_of_everything() -> None:
    truth = np.arange(30) % 3
    probabilities = np.full((30, 3), 0.1)
    probabilities[np.arange(30), truth] = 0.8
    temperature = fitted_temperature(probabilities, truth)
    sure = with_temperature(probabilities.T, temperature).max()
    assert 0.9 < sure < 1 - 1 / 64


def test_vanished_probabilities_leave_a_number() -> None:
    probabilities = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.4]], np.float32)
    assert 1 < fitted_temperature(probabilities, np.array([0, 1, 1, 0])) <= 10


def test_bins_worked_out_by_hand() -> None:
    probabilities = np.array([[0.8, 0.2], [0.75, 0.25], [0.3, 0.7], [1, 0]])
    bins = reliability(probabilities, np.array([0, 1, 1, 0]))
    # 0.8 is the upper border of the twelfth of fifteen bins.
    assert [(row["pixels"], row["accuracy"]) for row in bins] == [(1, 1.0), (2, 0.5), (1, 1.0)]
    assert bins[1]["confidence"] == pytest.approx(0.775)
    assert (bins[1]["low"], bins[1]["high"]) == pytest.approx((11 / 15, 12 / 15))
    error = (abs(1 - 0.7) + 2 * abs(0.5 - 0.775) + 0) / 4
    assert expected_calibration_error(bins) == pytest.approx(error)
