"""Spectra bent at random as another light would bend them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectile.training.augmentation.spectral import augment_spectra


def bend_of(light: NDArray[np.float64] | None, deviation: float) -> Tensor | None:
    """The bend (C,) of that deviation, of what the whole curve of `light` (C,) adds; None for 0."""
    if light is None or not deviation:
        return None
    return torch.from_numpy(light * deviation).float()


def bend_spectra(images: Tensor, bend: Tensor) -> Tensor:
    """Images (N, C, H, W) moved along `bend` (C,) at random, by one deviation on average.

    `bend` is what a curve of light of that size adds to components of logarithms. Half of the
    variance is each image's as a whole, half changes smoothly from pixel to pixel.
    """
    half = math.sqrt(0.5) * bend
    whole = torch.randn(len(images), 1, 1, 1).to(images)
    return augment_spectra(images + whole * half[:, None, None], half[:, None], 1.0)
