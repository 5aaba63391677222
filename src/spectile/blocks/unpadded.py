"""Convolutions and pooling without padding, as long as a map is as large as their kernel.

Padding tells a network where the border of its window is, and so keeps neighbouring windows from
sharing work. Without it each 3x3 convolution takes a ring of pixels off the map; on maps smaller
than the kernel, which have no ring to give, zeros are padded as before.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class UnpaddedConv2d(nn.Conv2d):
    """Maps (N, C, H, W) to the places where the whole kernel lies within the map.

    Along an axis shorter than the kernel's extent it pads as the convolution that it was made of.
    """

    def forward(self, x: Tensor) -> Tensor:
        assert not isinstance(self.padding, str)
        reach = [d * (taps - 1) for d, taps in zip(self.dilation, self.kernel_size, strict=True)]
        padding = [
            0 if size > beyond else zeros
            for size, beyond, zeros in zip(x.shape[2:], reach, self.padding, strict=True)
        ]
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class UnpaddedMaxPool2d(nn.MaxPool2d):
    """The same of a max-pooling with a square kernel."""

    kernel_size: int
    padding: int

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (0 if n >= self.kernel_size else self.padding for n in x.shape[2:])
        return F.max_pool2d(x, self.kernel_size, self.stride, (rows, columns))


def beneath(x: Tensor, made: Tensor, stride: int) -> Tensor:
    """The part of `x` (N, C, H, W) under `made` (N, C', h, w), in its middle.

    `made` is what unpadded layers with that stride in all have made of `x`: taken every `stride`
    pixels, what comes back lies where `made` does.
    """
    for axis in (2, 3):
        extent = (made.shape[axis] - 1) * stride + 1
        x = x.narrow(axis, (x.shape[axis] - extent) // 2, extent)
    return x
