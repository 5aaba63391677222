"""Pixels whose numbers are too large to be transformed together with those around them.

A Fourier transform spreads every number over its whole block, and with it the rounding error: some
epsilon times the block's root mean square comes into every window, whether it holds the large
number or not. So pixels far above the others are taken out, and what they add to the windows that
hold them comes from products of their own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from spectile.mapping.dense.kernels.pooling import window_mean

WIDEST = 8.0
"""A block's root mean square over that of its smallest window, up to which the block is left alone:
so many times the rounding error of a block whose windows are alike. In scenes it is 1 to 2."""
STEEPEST = 64.0
"""A pixel over the block's median, up to which it stays. A window may hold a large pixel where the
kernel is nearly 0, and then be small itself. In scenes it is 2 to 4."""
PIXELS_AT_ONCE = 1024
"""Pixels whose products with one row of the kernel lie in memory at a time."""


def pixels_apart(
    x: Tensor, taps: tuple[int, int], length: int, least: float | Tensor
) -> Tensor | None:
    """Which pixels (rows, columns) of x (rows, columns, C) must not be transformed; None for none.

    Windows have `taps` rows and columns; blocks are `length` pixels long and begin where the
    windows of the one before end. A root mean square below `least` counts as that. Numbers that
    aren't finite, or whose squares wouldn't be, are always kept out.
    """
    sizes = torch.maximum(x.amax(-1), -x.amin(-1))
    largest = torch.finfo(x.dtype).max ** 0.5
    apart = ~(sizes <= largest)
    energy = sizes.double().masked_fill(apart, largest).square()
    tall, wide = length - taps[0] + 1, length - taps[1] + 1
    windows = window_mean(window_mean(energy, 0, taps[0], 1), 1, taps[1], 1)
    smallest = -F.max_pool2d(-windows[None], (tall, wide), ceil_mode=True)[0]
    down, across = (smallest.shape[0] - 1) * tall + length, (smallest.shape[1] - 1) * wide + length
    padded = F.pad(energy, (0, across - len(energy[0]), 0, down - len(energy)), value=math.nan)
    blocks = padded.unfold(0, length, tall).unfold(1, length, wide).flatten(2)
    known = blocks.nan_to_num(0)
    median = blocks.nanmedian(-1).values
    bound = _bound(known.mean(-1), median, smallest, float(least) ** 2)
    for row, column in (known.amax(-1) > bound).nonzero().tolist():
        top, left = row * tall, column * wide
        here = slice(top, top + length), slice(left, left + length)
        apart[here] |= energy[here] > bound[row, column]
    return apart if bool(apart.any()) else None


def _bound(mean: Tensor, median: Tensor, smallest: Tensor, least: float) -> Tensor:
    """The largest energy that a pixel of each block may have.

    Energies are squares: `mean` and `median` of a block's pixels, `smallest` the mean of its
    smallest window, and what counts as `least`.
    """
    tolerated = WIDEST**2 * smallest.clamp(min=least)
    tolerated[mean <= tolerated] = math.inf
    return tolerated.minimum(STEEPEST**2 * median.clamp(min=least))


def add_apart(y: Tensor, x: Tensor, apart: Tensor, kernel: Tensor) -> None:
    """Add to y (H, W, O) what the pixels `apart` of x add to the windows that hold them.

    The kernel is (O, C, h, w). A tap meets each window once, so that the order of the additions,
    and with it every bit, is always the same.
    """
    height, width, outputs = y.shape
    reach = kernel.shape[3]
    for places in torch.split(apart.nonzero(), PIXELS_AT_ONCE):
        rows, columns = places.unbind(1)
        numbers = x[rows, columns]
        for down in range(kernel.shape[2]):
            matrix = kernel[:, :, down].permute(1, 2, 0).reshape(numbers.shape[1], -1)
            products = (numbers @ matrix).view(-1, reach, outputs)
            inside = (rows >= down) & (rows < height + down)
            for across in range(reach):
                seen = inside & (columns >= across) & (columns < width + across)
                y[rows[seen] - down, columns[seen] - across] += products[seen, across]
