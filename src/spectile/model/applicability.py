"""How unlike the pixels that a model was trained on another pixel is.

The dissimilarity index and its threshold are those of Meyer and Pebesma, "Predicting into unknown
space? Estimating the area of applicability of spatial prediction models", Methods in Ecology and
Evolution 12, 2021, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

AT_ONCE = 1024
"""Pixels whose distances to all reference spectra are held at once: some MB."""


@dataclass(frozen=True, eq=False)
class Applicability:
    """Reference spectra of the training pixels, and how far from them a model can be believed.

    The dissimilarity index of a pixel is its distance to the nearest reference spectrum, divided by
    the mean distance between these. Distances are measured as the model itself sees them: between
    components multiplied by `directions`, along which it is more sensitive the longer they are.
    """

    spectra: NDArray[np.float32]
    """Components (N, components) of some training pixels."""
    directions: NDArray[np.float32]
    """Shape (components, K): what makes of a difference in components one that counts."""
    mean_distance: float
    """Between reference spectra, above 0."""
    threshold: float
    """Of the dissimilarity index: beyond it lies outside."""
    outside_in_training: float
    """Share of the whole training scene that lies outside, 0 to 1."""

    @cached_property
    def _references(self) -> tuple[Tensor, Tensor]:
        """The middle of the reference spectra, (components,), and these as distances see them."""
        spectra = torch.from_numpy(self.spectra)
        # Numbers around 0 keep more digits in distances by products.
        middle = spectra.mean(0)
        return middle, (spectra - middle) @ torch.from_numpy(self.directions)

    def dissimilarity(self, components: NDArray[np.floating]) -> NDArray[np.float32]:
        """The dissimilarity index (N,) of pixels with these `components` (N, components)."""
        middle, references = self._references
        pixels = torch.from_numpy(np.ascontiguousarray(components, np.float32))
        seen = (pixels - middle) @ torch.from_numpy(self.directions)
        parts = (seen[first : first + AT_ONCE] for first in range(0, len(seen), AT_ONCE))
        nearest = [torch.cdist(part, references).amin(1) for part in parts]
        found: NDArray[np.float32] = (torch.cat(nearest) / self.mean_distance).numpy()
        return found

    def inside(self, dissimilarity: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which pixels are near enough to training, by their :meth:`dissimilarity`."""
        near: NDArray[np.bool_] = dissimilarity <= self.threshold
        return near

    def outside_share(self, components: NDArray[np.floating]) -> float:
        """Share of pixels with these `components` (N, components) that lie outside."""
        return float(1 - self.inside(self.dissimilarity(components)).mean())


def upper_whisker(values: NDArray[np.floating]) -> float:
    """The largest of `values` that is no outlier: at most 1.5 quartile ranges above the quartiles.

    The end of a box plot's whisker (Tukey, "Exploratory Data Analysis", 1977).
    """
    lower, upper = np.percentile(values, (25, 75))
    return float(values[values <= upper + 1.5 * (upper - lower)].max())
