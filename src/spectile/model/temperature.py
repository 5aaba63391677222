"""Probabilities made more or less sure of themselves (Guo et al., "On calibration", ICML 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def with_temperature(
    probabilities: NDArray[np.floating], temperature: float
) -> NDArray[np.floating]:
    """Probabilities (classes, ...) to the power of 1 / `temperature`, adding up to 1 again.

    Where nothing came after the softmax, that is the softmax of logits / `temperature`: above 1
    the network is less sure of itself, below 1 more; what is likelier stays likelier. At 1 they
    are what they were, to the bit; so is a pixel without any probability.
    """
    if temperature == 1:
        return probabilities
    # By the largest first: it becomes 1, so that the sum never vanishes.
    largest = probabilities.max(axis=0, keepdims=True)
    powers = np.divide(probabilities, largest, out=np.zeros_like(probabilities), where=largest > 0)
    powers **= 1 / temperature
    total = powers.sum(axis=0, keepdims=True)
    found: NDArray[np.floating] = np.divide(powers, total, out=powers, where=total > 0)
    return found
