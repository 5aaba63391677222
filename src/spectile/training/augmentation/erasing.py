"""Random erasing: a rectangle of an image is lost.

Zhong, Zheng, Kang, Li and Yang, "Random Erasing Data Augmentation", AAAI 2020, arXiv:1708.04896.
Deviations: the rectangle is filled with zeros, the mean of normalised images, instead of noise;
ratios of edges are drawn on a logarithmic scale, so that lying and standing rectangles are equally
likely; a rectangle longer than the image is cut to it instead of drawn again.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spectile.errors import InputError

EVENEST, LONGEST = 1.0, 1 / 0.3
"""Ratio of the longer edge to the shorter one, in the paper's experiments."""


def erase_rectangles(
    images: Tensor,
    probability: float = 0.5,
    area: tuple[float, float] = (0.02, 0.4),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Images (N, C, H, W), each with `probability` without one rectangle of all its bands.

    The rectangle covers a share of the image drawn from `area`. Raises InputError for a probability
    or shares outside 0 to 1.
    """
    if not 0 <= probability <= 1 or not 0 <= area[0] <= area[1] <= 1:
        raise InputError(
            f"Rectangles can't be erased with a probability of {probability} and a share of "
            f"{area[0]} to {area[1]}: choose numbers from 0 to 1, the smaller share first."
        )
    count, _, height, width = images.shape
    chance, share, ratio, down, right = torch.rand(5, count, generator=generator).to(images.device)
    pixels = height * width * (area[0] + share * (area[1] - area[0]))
    ratio = torch.exp((2 * ratio - 1) * math.log(LONGEST / EVENEST))
    rows = (pixels * ratio).sqrt().round().clamp(1, height)
    columns = (pixels / ratio).sqrt().round().clamp(1, width)
    inside_rows = inside_stretch(down, rows, height)
    inside_columns = inside_stretch(right, columns, width)
    erased = inside_rows[:, :, None] & inside_columns[:, None, :]
    erased &= (chance < probability)[:, None, None]
    return images.masked_fill(erased[:, None], 0)


def inside_stretch(start: Tensor, length: Tensor, whole: int) -> Tensor:
    """Which of `whole` places (N, whole) lie in a stretch (N,); `start` 0 to 1 says where."""
    first = (start * (whole - length + 1)).floor()[:, None]
    places = torch.arange(whole, device=start.device)
    return (places >= first) & (places < first + length[:, None])
