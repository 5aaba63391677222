"""The guided filter as its definition says it, a regression a window: slow, and in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def plain_filter(
    probabilities: NDArray[np.floating],
    guide: NDArray[np.floating],
    known: NDArray[np.bool_],
    radius: int,
    epsilon: float,
) -> NDArray[np.float64]:
    """Probabilities (K, H, W) smoothed by a guide (G, H, W), where `known` (H, W); else 0."""
    values = probabilities.astype(np.float64)
    channels = guide.astype(np.float64)
    fitted = np.zeros_like(values)
    fits = np.zeros(known.shape)
    for row, column in np.argwhere(known):
        window = tuple(slice(max(0, place - radius), place + radius + 1) for place in (row, column))
        inside = known[window]
        x, y = channels[:, *window][:, inside], values[:, *window][:, inside]
        # Least squares of y = a x + b, with epsilon * |a|^2 a pixel.
        centred = x - x.mean(1, keepdims=True)
        matrix = centred @ centred.T / len(centred.T) + epsilon * np.eye(len(x))
        slopes = np.linalg.solve(matrix, centred @ y.T / len(centred.T)).T
        said = slopes @ centred + y.mean(1, keepdims=True)
        fitted[:, *window][:, inside] += said
        fits[window] += inside
    smoothed = (fitted / np.maximum(fits, 1)).clip(min=0)
    total = smoothed.sum(0)
    found: NDArray[np.float64] = smoothed / np.where(total > 0, total, 1)
    return found
