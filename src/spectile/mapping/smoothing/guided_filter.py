"""The guided filter in colour: probabilities become smooth where a guide is, and keep its edges.

He, Sun and Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013, section 3.5. Around each pixel
the probabilities are fitted by an affine function of the guide (a ridge regression); a pixel gets
the mean of what the fits of all windows that hold it say of its guide.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from spectile.data.preprocessing.guide import reach_of
from spectile.mapping.dense.kernels.pooling import window_sum

ROWS, CLASSES = 64, 16
"""Computed at once: rows on CPUs, where a class at a time stays in cache, and classes on GPUs."""


def guided_filter(
    probabilities: Tensor, guide: Tensor, known: Tensor, *, radius: int, epsilon: float
) -> Tensor:
    """Smoothed `probabilities` (K, H, W), above or equal to 0 and with a sum of 1.

    `guide` (G, H, W) tells where edges are, `known` (H, W) where pixels hold data: others, and what
    lies beyond the image, have no part in any mean, and what is given for them has no meaning.
    Means are over squares of 2 `radius` + 1 pixels; with a larger `epsilon`, in the guide's units
    squared, smaller edges are smoothed away.

    In double precision, for differences of products lose digits. A pixel's number is a sum over
    its neighbourhood alone, in an order of its own: it is the same in whichever image it lies.
    """
    height = guide.shape[1]
    rows, together = _at_once(height, radius, guide.device)
    smoothed, reach = torch.empty_like(probabilities), reach_of(radius)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        seen = slice(max(0, top - reach), min(height, bottom + reach))
        inner = slice(top - seen.start, bottom - seen.start)
        fits = _Fits(guide[:, seen].double(), known[seen].double(), radius, epsilon)
        for first in range(0, len(probabilities), together):
            classes = slice(first, first + together)
            found = fits.smooth(probabilities[classes, seen].double())
            smoothed[classes, top:bottom] = found[:, inner]
    # An affine function may leave the range of what it was fitted to; their sum stays 1.
    smoothed.clamp_(min=0)
    return smoothed.div_(smoothed.sum(0).clamp_(min=torch.finfo(smoothed.dtype).tiny))


def filter_bytes(classes: int, height: int, width: int, radius: int, device: torch.device) -> int:
    """What the filter takes at most besides what goes in and comes out."""
    rows, together = _at_once(height, radius, device)
    # The channels' products and their inverses, and of each class four times its four sums.
    numbers = 64 + 16 * min(classes, together)
    return (
        8 * numbers * (min(height, rows + 2 * reach_of(radius)) + 2 * radius) * (width + 2 * radius)
    )


def _at_once(height: int, radius: int, device: torch.device) -> tuple[int, int]:
    """How many rows and classes are computed together."""
    if device.type == "cpu":
        return min(height, max(ROWS, 4 * radius)), 1
    return height, CLASSES


class _Fits:
    """The regressions on one guide (G, H, W), where `known` (H, W) is 1 and not 0."""

    def __init__(self, guide: Tensor, known: Tensor, radius: int, epsilon: float) -> None:
        self._radius = radius
        # 0 without data: so all means, and with them the regressions, are 0 there.
        self._share = known / self._sums(known).clamp_(min=1)
        self._guide = guide * known
        self._mean = self._sums(self._guide) * self._share
        products = self._guide[:, None] * self._guide
        covariance = self._sums(products) * self._share - self._mean[:, None] * self._mean
        ridge = epsilon * torch.eye(len(guide), dtype=guide.dtype, device=guide.device)
        matrices = covariance.permute(2, 3, 0, 1) + ridge
        self._inverse = torch.linalg.inv(matrices).permute(2, 3, 0, 1).contiguous()
        self._with_one = torch.cat([self._guide, known[None]])

    def smooth(self, values: Tensor) -> Tensor:
        """What the regressions make of `values` (K, H, W); 0 without data."""
        means = self._sums(values[:, None] * self._with_one) * self._share
        joint, level = means[:, :-1], means[:, -1:]
        slopes = ((joint - self._mean * level)[:, None] * self._inverse).sum(2)
        offsets = level - (slopes * self._mean).sum(1, keepdim=True)
        fits = self._sums(torch.cat([slopes, offsets], 1)) * self._share
        return (fits * self._with_one).sum(1)

    def _sums(self, images: Tensor) -> Tensor:
        """Sums over the squares around each pixel; beyond the image lies nothing."""
        for axis in (-2, -1):
            radius = min(self._radius, images.shape[axis] - 1)
            padding = [0, 0, radius, radius] if axis == -2 else [radius, radius]
            images = window_sum(functional.pad(images, padding), axis, 2 * radius + 1, 1)
        return images
