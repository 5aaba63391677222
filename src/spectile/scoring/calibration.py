"""Whether probabilities are what they say, and the temperature that makes them so.

Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

BINS = 15
"""Of equal width, as in the paper's tables."""
SMALLEST, LARGEST = 0.1, 10.0
"""Temperatures that are looked among."""
LEAST_PROBABILITY = 1e-12
"""A probability that vanished in float32 has a logarithm all the same."""


def fitted_temperature(probabilities: NDArray[np.floating], truth: NDArray[np.int64]) -> float:
    """The temperature under which `truth` (N,) is likeliest, of probabilities (N, K), K > 1.

    It has the smallest negative log-likelihood (section 4.2 of the paper). The targets leave room
    for one more mistake than was seen, as Platt's do ("Probabilistic outputs for support vector
    machines", 1999): a network without a mistake on a few pixels would be sure of everything.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), LEAST_PROBABILITY))
    classes = logits.shape[1]
    mistake = 1 / (len(truth) + 2)

    def loss(log_temperature: float) -> float:
        likelihoods = log_softmax(logits / np.exp(log_temperature), axis=1)
        right = likelihoods[np.arange(len(truth)), truth]
        wrong = (likelihoods.sum(axis=1) - right) / (classes - 1)
        return -float(((1 - mistake) * right + mistake * wrong).mean())

    bounds = (np.log(SMALLEST), np.log(LARGEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def reliability(
    probabilities: NDArray[np.floating], truth: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """How often the map is right where it says so, by the probability that it gives its class.

    Of probabilities (N, K) and true class indices (N,): a row a bin that holds pixels, with its
    borders `low` and `high`, its `pixels`, their mean probability, `confidence`, and the share that
    is right, `accuracy`.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    # Borders belong to the bin below, as in the paper.
    places = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    rows = []
    for place in np.unique(places).tolist():
        inside = places == place
        rows.append(
            {
                "low": place / BINS,
                "high": (place + 1) / BINS,
                "pixels": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(right[inside].mean()),
            }
        )
    return rows


def expected_calibration_error(bins: Sequence[dict[str, Any]]) -> float:
    """By how much probability and accuracy differ, in the mean over pixels (equation 3)."""
    pixels = sum(row["pixels"] for row in bins)
    apart = sum(row["pixels"] * abs(row["accuracy"] - row["confidence"]) for row in bins)
    return float(apart / pixels)
