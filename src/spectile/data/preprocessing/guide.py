"""The picture of a scene that tells a filter where edges are: a few channels of its components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHANNELS = 3
"""As a colour picture has; what more of them would tell is mostly noise."""
LARGEST = 100.0
"""Deviations from the mean beyond which all is alike: the square of a hot detector pixel would take
the digits of all that lies around it."""
SAME = 1e-6
"""Of the first deviation: a direction with less is rounding."""


def reach_of(radius: int) -> int:
    """How far away a pixel may lie that a guided filter of that radius takes into account.

    It takes means of means.
    """
    return 2 * radius


@dataclass(frozen=True)
class Guide:
    """The affine map channels = components @ matrix + offset, of about unit variance each."""

    matrix: NDArray[np.float64]
    """Shape (components, channels)."""
    offset: NDArray[np.float64]
    """Shape (channels,)."""

    @property
    def channels(self) -> int:
        """How many there are."""
        return int(self.matrix.shape[1])

    def of(self, components: NDArray[np.floating]) -> NDArray[np.float64]:
        """The channels (channels, H, W) of components (components, H, W)."""
        channels = np.tensordot(self.matrix.T, components, 1) + self.offset[:, None, None]
        bounded: NDArray[np.float64] = channels.clip(-LARGEST, LARGEST, out=channels)
        return bounded


def fit_guide(spectra: NDArray[Any], components: NDArray[np.floating]) -> Guide:
    """The first principal components of spectra, each of unit variance, out of a network's input.

    Of the training pixels: `spectra` (pixels, bands) and the `components` (pixels, components) that
    a reducer makes of them, which the channels are fitted to by least squares. There are three
    channels, or fewer where there are fewer bands or components, or where spectra vary in fewer
    directions; one that is always 0 where they don't vary.
    """
    from sklearn.decomposition import PCA

    values = spectra.astype(np.float64)
    if not np.ptp(values, axis=0).any():
        return Guide(np.zeros((components.shape[1], 1)), np.zeros(1))
    count = min(CHANNELS, *values.shape, components.shape[1])
    channels = PCA(count, svd_solver="covariance_eigh").fit_transform(values)
    deviations = channels.std(axis=0)
    varies = deviations > SAME * deviations[0]
    channels = channels[:, varies] / deviations[varies]
    mean = components.mean(axis=0, dtype=np.float64)
    matrix = np.linalg.lstsq(components - mean, channels)[0]
    return Guide(np.ascontiguousarray(matrix), -mean @ matrix)
