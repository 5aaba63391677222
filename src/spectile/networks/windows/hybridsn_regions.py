"""HybridSN's trunk for training on whole regions, with the gradients of its live weights.

The 3-D convolutions of Roy et al. 2020 run as 2-D ones. oneDNN's 3-D kernels reach a tenth of what
its 2-D ones do on this network's few channels, and those want 64 channels, innermost. So a block of
neighbouring depths is computed as the channels of one image, from all depths that it sees; a kernel
holds zeros where a depth lies outside of its reach. Blocks are the images of a batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COPIES = 4
"""How often a layer's numbers lie in memory at a step's height, measured."""
CHANNELS = 64
"""Channels of a block's image: wide enough for oneDNN, narrow enough to hold few zeros."""


def region_trunk(components: Tensor, spectral: nn.Sequential, spatial: nn.Sequential) -> Tensor:
    """HybridSN's trunk of `spectral` and `spatial` layers: (N, bands, H, W) to maps.

    The maps (N, maps, H - 8, W - 8) lie with their channels innermost.
    """
    x = components.contiguous(memory_format=torch.channels_last)
    depth = components.shape[1]
    for layer in spectral:
        if isinstance(layer, nn.Conv3d):
            assert layer.bias is not None
            x = spectral_convolution(x, layer.weight, layer.bias, depth)
            depth -= layer.weight.shape[2] - 1
    # The network flattens (channels, depths), the images here hold (depths, channels). The first
    # 2-D kernel is sorted to take them; where there is none, the features are sorted.
    for layer in spatial:
        if isinstance(layer, nn.Conv2d):
            kernel = layer.weight.view(len(layer.weight), -1, depth, *layer.kernel_size)
            kernel = kernel.transpose(1, 2).flatten(1, 2)
            x = F.relu_(F.conv2d(x, _innermost(kernel), layer.bias))
            depth = 1
    images, _, rows, columns = x.shape
    pixels = x.permute(0, 2, 3, 1).view(images, rows, columns, depth, -1)
    return pixels.transpose(3, 4).flatten(3).permute(0, 3, 1, 2)


def spectral_convolution(x: Tensor, weight: Tensor, bias: Tensor, depth: int) -> Tensor:
    """A 3-D convolution and ReLU on images that hold their depths as channels.

    Maps (N, depth * C, H, W) to (N, (depth - k + 1) * O, H - 2, W - 2) for a `weight`
    (O, C, k, 3, 3) and a `bias` (O,); channels innermost, then depths.
    """
    outputs, inputs, reach = weight.shape[:3]
    depths = depth - reach + 1
    block = min(depths, max(1, CHANNELS // outputs))
    missing = -depths % block
    pixels = x.permute(0, 2, 3, 1)
    if missing:
        pixels = F.pad(pixels, (0, missing * inputs))
    seen: Tensor = _Blocks.apply(pixels, (block + reach - 1) * inputs, block * inputs)  # type: ignore[no-untyped-call]
    images, blocks = seen.shape[:2]
    seen = seen.flatten(0, 1).permute(0, 3, 1, 2)
    y = F.relu_(F.conv2d(seen, block_kernel(weight, block), bias.repeat(block)))
    rows, columns = y.shape[2:]
    y = y.permute(0, 2, 3, 1).view(images, blocks, rows, columns, -1)
    y = y.permute(0, 2, 3, 1, 4).flatten(3)
    return y[..., : depths * outputs].permute(0, 3, 1, 2)


class _Blocks(torch.autograd.Function):
    """Overlapping blocks of channels, (N, H, W, C) to (N, blocks, H, W, size).

    What `unfold` does; but its gradient adds number by number, this one row by row.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, step: int) -> Tensor:
        ctx.shape, ctx.size, ctx.step = x.shape, size, step
        return x.unfold(3, size, step).permute(0, 3, 1, 2, 4).contiguous()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = grad_outputs
        found = gradient.new_zeros(ctx.shape)
        for block, start in zip(gradient.unbind(1), range(0, ctx.shape[3], ctx.step), strict=False):
            found[..., start : start + ctx.size] += block
        return found, None, None


def block_kernel(weight: Tensor, block: int) -> Tensor:
    """A kernel (O, C, k, 3, 3) as one of `block` depths, (block * O, (block + k - 1) * C, 3, 3)."""
    shifted = [F.pad(weight, (0, 0, 0, 0, at, block - 1 - at)) for at in range(block)]
    return _innermost(torch.stack(shifted).transpose(2, 3).flatten(2, 3).flatten(0, 1))


def by_pixels(weight: Tensor, size: int) -> Tensor:
    """The first Linear's weights (O, maps * size * size) sorted for channels innermost."""
    return weight.view(len(weight), -1, size, size).permute(0, 2, 3, 1).flatten(1)


def bytes_a_pixel(bands: int, spectral: nn.Sequential, spatial: nn.Sequential) -> int:
    """What a training step holds for each pixel of a region: features, gradients and copies."""
    numbers = depth = bands
    for layer in spectral:
        if isinstance(layer, nn.Conv3d):
            depth -= layer.weight.shape[2] - 1
            numbers += depth * layer.out_channels
    numbers += sum(conv.out_channels for conv in spatial if isinstance(conv, nn.Conv2d))
    return 4 * COPIES * numbers


def _innermost(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
