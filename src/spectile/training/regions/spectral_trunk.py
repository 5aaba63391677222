"""HybridSN's trunk and head for training on whole regions, with the gradients of its live weights.

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

from spectile.compat.torch import AnyBatchNorm
from spectile.networks.insertion import attention_places
from spectile.networks.windows.hybridsn import HybridSN

CHANNELS = 64
"""Channels of a block's image: wide enough for oneDNN, narrow enough to hold few zeros."""


def shares_trunk(network: nn.Module) -> bool:
    """Whether `network` can be trained on shared trunks.

    HybridSN can, with any attention over its windows, unless blocks were inserted elsewhere or
    statistics of the batch tie its windows to one another.
    """
    return (
        type(network) is HybridSN
        and not attention_places(network)
        and not any(isinstance(module, AnyBatchNorm) for module in network.modules())
    )


def shared_trunk(network: HybridSN, components: Tensor) -> Tensor:
    """What :meth:`HybridSN.trunk` gives: (N, bands, H, W) to (N, maps, H - 8, W - 8).

    The result lies with its channels innermost.
    """
    x = components.contiguous(memory_format=torch.channels_last)
    depth = network.bands
    for layer in network.spectral_spatial:
        if isinstance(layer, nn.Conv3d):
            assert layer.bias is not None
            x = spectral_convolution(x, layer.weight, layer.bias, depth)
            depth -= layer.weight.shape[2] - 1
    # The network flattens (channels, depths), the images here hold (depths, channels). The first
    # 2-D kernel is sorted to take them; where there is none, the features are sorted.
    for layer in network.spatial:
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


def first_matrix(network: HybridSN) -> Tensor:
    """The first Linear's weights (256, S * S * maps), in the order of :func:`window_logits`."""
    weight = network.classifier[1].weight
    assert isinstance(weight, Tensor)
    size = network.map_size
    return weight.view(len(weight), -1, size, size).permute(0, 2, 3, 1).flatten(1)


def window_features(network: HybridSN, features: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The features (N, maps, S, S) of the windows that begin at `rows` and `columns` (N,).

    `features` (1, maps, H, W) are those of :func:`shared_trunk`.
    """
    channels, _, width = features.shape[1:]
    size = network.map_size
    pixels = features[0].permute(1, 2, 0).reshape(-1, channels)
    along = torch.arange(size, device=features.device)
    corners = rows * width + columns
    places = corners[:, None, None] + along[:, None] * width + along
    cuts = pixels.index_select(0, places.flatten()).view(len(rows), size, size, channels)
    return cuts.permute(0, 3, 1, 2)


def window_logits(network: HybridSN, windows: Tensor, matrix: Tensor) -> Tensor:
    """Logits (N, classes) of :func:`window_features`; `matrix` is of :func:`first_matrix`.

    Attention and dropout see each window by itself.
    """
    attended = network.attention(windows).permute(0, 2, 3, 1)
    _, first, *others = network.classifier
    y = F.linear(attended.flatten(1), matrix, first.bias)  # type: ignore[arg-type]
    for layer in others:
        y = layer(y)
    return y


def _innermost(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
