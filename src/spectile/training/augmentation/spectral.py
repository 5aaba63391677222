"""Spectral augmentation: spectra shifted at random as they differ within a class, smoothly.

A field differs from the next of the same crop by soil, moisture and growth, all of it alike. A
network that sees windows of a few fields learns what each has in common with itself. So windows are
shifted as pixels lie off their class's mean: in the same directions and a share of as far. No
published recipe that we know does this; docs/results.md has what it brings.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

CELL = 16
"""Pixels from one drawn shift to the next; between them shifts are interpolated."""


def within_class_directions(components: Tensor, classes: Tensor) -> Tensor:
    """A matrix (C, C) that turns white noise (C,) into noise with the covariance within classes.

    `components` (N, C) are the reduced spectra of pixels, `classes` (N,) their class indices.
    """
    values = components.double()
    sums = values.new_zeros(int(classes.max()) + 1, values.shape[1]).index_add_(0, classes, values)
    means = sums / classes.bincount().clamp(min=1)[:, None]
    off = values - means[classes]
    variances, axes = torch.linalg.eigh(off.T @ off / len(off))
    directions: Tensor = axes * variances.clamp(min=0).sqrt()
    return directions.to(components)


def augment_spectra(
    images: Tensor,
    directions: Tensor,
    strength: float,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Images (N, C, H, W) with random shifts added, which change smoothly from pixel to pixel.

    `directions` (C, K) are those that white noise (K,) is turned into, as
    :func:`within_class_directions`; `strength` is the size of the shifts, 1 for as far as pixels of
    a class usually differ from its mean.
    """
    count, _, height, width = images.shape
    nodes = [-(-edge // CELL) + 2 for edge in (height, width)]
    noise = torch.randn(count, directions.shape[1], *nodes, generator=generator).to(images)
    drawn = torch.einsum("ij,njhw->nihw", directions * strength, noise)
    fine = [(number - 1) * CELL + 1 for number in nodes]
    field = F.interpolate(drawn, fine, mode="bicubic", align_corners=True)
    # The nodes lie elsewhere each time.
    top, left = (int(torch.randint(CELL, (), generator=generator)) for _ in range(2))
    return images + field[:, :, top : top + height, left : left + width]
