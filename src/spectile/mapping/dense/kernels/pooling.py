"""Sums and maxima over windows, axis by axis, in a number of passes that grows as log(window)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class WindowMean(nn.Module):
    """The mean, or sum, over axes of the shared tensor.

    `spatial` has (axis, values, step in pixels) for rows and columns, where the mean slides;
    `plain` are axes that go.
    """

    def __init__(
        self, spatial: Sequence[tuple[int, int, int]], plain: Sequence[int], *, mean: bool = True
    ) -> None:
        super().__init__()
        self.spatial = tuple(spatial)
        self.plain = tuple(plain)
        self.mean = mean

    def forward(self, x: Tensor) -> Tensor:
        if self.plain:
            x = x.mean(self.plain) if self.mean else x.sum(self.plain)
        for axis, values, step in self.spatial:
            x = window_sum(x, axis, values, step)
            if self.mean:
                x = x / values
        return x


class WindowMaximum(nn.Module):
    """The maximum over axes of the shared tensor, as :class:`WindowMean`."""

    def __init__(self, spatial: Sequence[tuple[int, int, int]], plain: Sequence[int]) -> None:
        super().__init__()
        self.spatial = tuple(spatial)
        self.plain = tuple(plain)

    def forward(self, x: Tensor) -> Tensor:
        if self.plain:
            x = x.amax(self.plain)
        for axis, values, step in self.spatial:
            x = window_maximum(x, axis, values, step)
        return x


class PlainPool(nn.Module):
    """Pooling along one stored axis, which strides."""

    def __init__(self, axis: int, size: int, stride: int, dilation: int, *, mean: bool) -> None:
        super().__init__()
        self.axis = axis
        self.size = size
        self.stride = stride
        self.dilation = dilation
        self.mean = mean

    def forward(self, x: Tensor) -> Tensor:
        pooled = (
            window_sum(x, self.axis, self.size, self.dilation) / self.size
            if self.mean
            else window_maximum(x, self.axis, self.size, self.dilation)
        )
        places = torch.arange(0, pooled.shape[self.axis], self.stride, device=x.device)
        return pooled.index_select(self.axis, places)


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


def _paired(function: object, x: Tensor, axis: int, shift: int) -> Tensor:
    length = x.shape[axis] - shift
    result: Tensor = function(x.narrow(axis, 0, length), x.narrow(axis, shift, length))  # type: ignore[operator]
    return result
