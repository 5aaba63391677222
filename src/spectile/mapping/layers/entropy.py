"""How undecided the network is: the entropy of the class probabilities.

Shannon, "A mathematical theory of communication", Bell System Technical Journal 27, 1948; divided
by the logarithm of the number of classes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spectile.mapping.layers.layer import Layer


def normalised_entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Entropy (h, w) of probabilities (classes, h, w): 0 for one sure class, 1 for all alike."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(probabilities > 0, probabilities * np.log(probabilities), probabilities)
    classes = max(2, len(probabilities))
    entropy: NDArray[np.float32] = -terms.sum(axis=0) / np.float32(math.log(classes))
    return entropy


LAYER = Layer(
    name="entropy",
    description="entropy of the class probabilities, 0 sure to 1 undecided",
    compute=lambda pixels: normalised_entropy(pixels.probabilities),
)
