"""Sums and extremes over windows, axis by axis, in a number of passes that grows as log(window)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn

Reduction = Literal["mean", "sum", "maximum", "minimum"]


class WindowPool(nn.Module):
    """The mean, sum, maximum or minimum over axes of the shared tensor.

    `spatial` has (axis, values, step in pixels) for rows and columns, where the window slides;
    `plain` are axes that go.
    """

    def __init__(
        self, how: Reduction, spatial: Sequence[tuple[int, int, int]], plain: Sequence[int]
    ) -> None:
        super().__init__()
        self.how = how
        self.spatial = tuple(spatial)
        self.plain = tuple(plain)

    def forward(self, x: Tensor) -> Tensor:
        if self.plain:
            x = OVER_AXES[self.how](x, self.plain)
        for axis, values, step in self.spatial:
            x = OVER_WINDOWS[self.how](x, axis, values, step)
        return x


class PlainPool(nn.Module):
    """Pooling along one stored axis, which strides."""

    def __init__(self, how: Reduction, axis: int, size: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.how = how
        self.axis = axis
        self.size = size
        self.stride = stride
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        if 2 * self.stride < self.size:
            pooled = OVER_WINDOWS[self.how](x, self.axis, self.size, self.dilation)
            return self._every(pooled, 0, pooled.shape[self.axis])
        # Few numbers are in two bins: each is read as often as it is in one.
        reach = x.shape[self.axis] - (self.size - 1) * self.dilation
        bins = (self._every(x, tap * self.dilation, reach) for tap in range(self.size))
        pooled = reduce(OF_TWO[self.how], bins)
        return pooled / self.size if self.how == "mean" else pooled

    def _every(self, x: Tensor, start: int, count: int) -> Tensor:
        """The first of every stride among `count` numbers from `start` on."""
        return x[(slice(None),) * self.axis + (slice(start, start + count, self.stride),)]


def window_sum(x: Tensor, axis: int, values: int, step: int) -> Tensor:
    """Sums of `values` numbers, `step` apart, from every place on `axis` on.

    Sums of 1, 2, 4, 8 ... numbers, put together by the binary digits of `values`; unlike
    differences of running sums they keep all digits.
    """
    length = x.shape[axis] - (values - 1) * step
    total = None
    reached, width, power = 0, 1, x
    while True:
        if values & width:
            piece = power.narrow(axis, reached * step, length)
            total = piece if total is None else total + piece
            reached += width
        if reached == values:
            assert total is not None
            return total
        power = _paired(torch.add, power, axis, width * step)
        width *= 2


def window_mean(x: Tensor, axis: int, values: int, step: int) -> Tensor:
    """Means of `values` numbers, `step` apart, from every place on `axis` on."""
    return window_sum(x, axis, values, step) / values


def window_maximum(x: Tensor, axis: int, values: int, step: int) -> Tensor:
    """Maxima of `values` numbers, `step` apart, from every place on `axis` on."""
    width, power = 1, x
    while width * 2 <= values:
        power = _paired(torch.maximum, power, axis, width * step)
        width *= 2
    # Two overlapping halves cover what isn't a power of two.
    return (
        power if width == values else _paired(torch.maximum, power, axis, (values - width) * step)
    )


def window_minimum(x: Tensor, axis: int, values: int, step: int) -> Tensor:
    """Minima of `values` numbers, `step` apart, from every place on `axis` on."""
    return -window_maximum(-x, axis, values, step)


def _paired(
    function: Callable[[Tensor, Tensor], Tensor], x: Tensor, axis: int, shift: int
) -> Tensor:
    length = x.shape[axis] - shift
    return function(x.narrow(axis, 0, length), x.narrow(axis, shift, length))


OVER_AXES: dict[Reduction, Callable[[Tensor, tuple[int, ...]], Tensor]] = {
    "mean": torch.mean,
    "sum": torch.sum,
    "maximum": torch.amax,
    "minimum": torch.amin,
}
OF_TWO: dict[Reduction, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": torch.add,
    "sum": torch.add,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}
OVER_WINDOWS: dict[Reduction, Callable[[Tensor, int, int, int], Tensor]] = {
    "mean": window_mean,
    "sum": window_sum,
    "maximum": window_maximum,
    "minimum": window_minimum,
}
