"""Convolutions and Linears on the shared tensor (rows, columns, parts ...).

On CPUs oneDNN is fastest with the channels innermost, which is how the shared tensor lies in memory
anyway. A 3-D convolution keeps its depth next to them, and one with a single input channel and few
depths, at which oneDNN's 3-D kernels crawl, becomes a 2-D one with a banded matrix from depths to
depths. With many depths the zeros of that matrix would cost more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.compat.torch import packed_product
from spectile.mapping.dense.kernels.weights import Packed, scaled, snapshot

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
WIDEST_BAND = 6
"""Depths a kernel's depth up to which the banded matrix's zeros cost less than they save: at 4 it
takes a third of the time, at 9 twice as long, at 70 fourteen times."""


@dataclass(frozen=True)
class Arrangement:
    """Which axes of a shared tensor a convolution takes for what."""

    batch: tuple[int, ...]
    channels: tuple[int, ...]
    space: tuple[int, ...]
    result: tuple[int, ...]
    """Order that takes (batch ..., channels, space ...) to rows, columns and stored parts."""


@dataclass(frozen=True)
class Sliding:
    """How a kernel slides, an entry an axis."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


class Convolution(nn.Module):
    """A convolution along any axes of the shared tensor, the others in the batch."""

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        arrangement: Arrangement,
        sliding: Sliding,
        groups: int,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", _innermost(snapshot(weight)))
        self.register_buffer("bias", snapshot(bias))
        self.arrangement = arrangement
        self.sliding = sliding
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        at = self.arrangement
        ordered = x.permute(at.batch + at.channels + at.space)
        batch = ordered.shape[: len(at.batch)]
        space = ordered.shape[len(at.batch) + len(at.channels) :]
        images = ordered.reshape(math.prod(batch), -1, *space)
        y = CONVOLUTIONS[len(space)](
            _innermost(images),
            self.weight,
            self.bias,
            self.sliding.stride,
            self.sliding.padding,
            self.sliding.dilation,
            self.groups,
        )
        result: Tensor = y.reshape(*batch, *y.shape[1:]).permute(at.result)
        return result

    def scaled(self, scale: Tensor, shift: Tensor) -> None:
        """Take in what follows, y * scale + shift, one number a channel."""
        self.weight, self.bias = scaled(self.weight, self.bias, scale, shift)


class Linear(nn.Module):
    """A matrix over some stored parts, which it replaces by one."""

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, weight: Tensor, bias: Tensor | None, kept: Sequence[int], taken: Sequence[int]
    ) -> None:
        """`kept` and `taken` axes of the shared tensor; `weight` (outputs, product of taken)."""
        super().__init__()
        self.register_buffer("weight", snapshot(weight).contiguous())
        self.register_buffer("bias", snapshot(bias))
        self.kept = tuple(kept)
        self.taken = tuple(taken)
        self.packed = Packed()

    def forward(self, x: Tensor) -> Tensor:
        ordered = x.permute(self.kept + self.taken)
        features = ordered.reshape(*ordered.shape[: len(self.kept)], -1)
        matrices = self.packed.of(self.weight[None])
        if matrices is None:
            return F.linear(features, self.weight, self.bias)
        y = packed_product(features.flatten(0, -2), matrices[0], bias=self.bias)
        return y.view(*features.shape[:-1], -1)

    def scaled(self, scale: Tensor, shift: Tensor) -> None:
        """Take in what follows, y * scale + shift, one number an output."""
        self.weight, self.bias = scaled(self.weight, self.bias, scale, shift)
        self.packed = Packed()


def banded(weight: Tensor, depth: int, stride: int, padding: int, dilation: int) -> Tensor:
    """A kernel (O, C, ..., k) over depth as a matrix of kernels without depth.

    Its shape is (depths out, O, C, depths in, ...).
    """
    outputs = output_size(depth, weight.shape[-1], stride, padding, dilation)
    band = weight.new_zeros((outputs, *weight.shape[:2], depth, *weight.shape[2:-1]))
    for out in range(outputs):
        for tap in range(weight.shape[-1]):
            place = out * stride - padding + tap * dilation
            if 0 <= place < depth:
                band[out, :, :, place] = weight[..., tap]
    return band


def output_size(size: int, taps: int, stride: int, padding: int, dilation: int) -> int:
    """Places along an axis where a kernel of so many taps fits."""
    return (size + 2 * padding - (taps - 1) * dilation - 1) // stride + 1


def _innermost(images: Tensor) -> Tensor:
    layout = CHANNELS_LAST.get(images.ndim - 2)
    return images.contiguous(memory_format=layout) if layout else images.contiguous()
