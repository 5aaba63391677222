"""Spectra bent at random as another light would bend them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spectile.training.augmentation.spectral import augment_spectra


def bend_spectra(images: Tensor, bend: Tensor) -> Tensor:
    """Images (N, C, H, W) moved along `bend` (C,) at random, by one deviation on average.

    `bend` is what a curve of light of that size adds to components of logarithms. Half of the
    variance is each image's as a whole, half changes smoothly from pixel to pixel.
    """
    half = math.sqrt(0.5) * bend
    whole = torch.randn(len(images), 1, 1, 1).to(images)
    return augment_spectra(images + whole * half[:, None, None], half[:, None], 1.0)
