"""Random window networks of layers that dense mapping shares, and the plain way to run them."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from tests.mapping.dense.drawn_layers import (
    Attention,
    Branches,
    ChannelsNormed,
    Cropped,
    CroppedSum,
    Folded,
    Gate,
    OverBands,
    Pooled,
    Unsqueezed,
    WritesInPlace,
)
from torch import nn

from spectile.mapping.dense import DenseNetwork
from spectile.mapping.patches import PatchByPatch

KINDS = (
    *("convolution", "pool", "residual", "branches", "gate", "norm"),
    *("padded", "padded", "crop", "attention", "in place"),
)
ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, nn.SiLU, nn.Hardswish, nn.Identity)


@st.composite
def networks(draw: st.DrawFn) -> tuple[nn.Module, int, tuple[int, int]]:
    """A network, its bands and its window."""
    torch.manual_seed(draw(st.integers(0, 10_000)))
    bands = draw(st.integers(3, 11))
    height, width = window = draw(
        st.sampled_from([(1, 1), (3, 5), (7, 7), (8, 6), (9, 9), (11, 9)])
    )
    layers: list[nn.Module] = []
    channels, size = bands, (height, width)
    begins = draw(st.sampled_from(["map", "map", "volume", "volume", "recurrent"]))
    if begins == "volume":
        channels, size = _volume(draw, layers, bands, size)
    elif begins == "recurrent":
        kind = draw(st.sampled_from([nn.RNN, nn.GRU, nn.LSTM]))
        channels = draw(st.integers(1, 3))
        layers.append(OverBands(kind(1, channels, batch_first=True)))
    for _ in range(draw(st.integers(0, 3))):
        channels, size = _map(draw, layers, channels, size)
    features = channels * size[0] * size[1]
    if draw(st.integers(0, 3)) == 0:
        layers.append(Cropped(to_centre=True))
        features = channels
    elif draw(st.booleans()) and draw(st.booleans()):
        layers.append(Pooled())
        features = 2 * channels
    elif draw(st.booleans()):
        gate = nn.Sigmoid() if draw(st.booleans()) else nn.Tanh()
        layers += [Gate(channels, gate), nn.Flatten()]
    else:
        layers.append(nn.Flatten())
    hidden = draw(st.integers(1, 6))
    layers += [nn.Linear(features, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout()]
    layers.append(nn.Linear(hidden, draw(st.integers(1, 4))))
    network = nn.Sequential(*layers).double()
    _unsettle(network)
    return network.eval(), bands, window


def _volume(
    draw: st.DrawFn, layers: list[nn.Module], bands: int, size: tuple[int, int]
) -> tuple[int, tuple[int, int]]:
    """One or two 3-D convolutions, then the depth among the channels."""
    layers.append(Unsqueezed())
    channels, depth = 1, bands
    for _ in range(draw(st.integers(1, 2))):
        taps = [draw(st.integers(1, min(3, edge))) for edge in (depth, *size)]
        stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, 1))
        outputs = draw(st.integers(1, 4))
        layers.append(
            nn.Conv3d(channels, outputs, taps, stride=(stride, 1, 1), padding=(padding, 0, 0))
        )
        depth = (depth + 2 * padding - taps[0]) // stride + 1
        size = (size[0] - taps[1] + 1, size[1] - taps[2] + 1)
        channels = outputs
        if draw(st.booleans()):
            layers.append(nn.BatchNorm3d(channels))
        layers.append(draw(st.sampled_from(ACTIVATIONS))())
        if depth > 1 and draw(st.booleans()):
            pool = draw(st.sampled_from([nn.MaxPool3d, nn.AvgPool3d]))
            layers.append(pool((2, 1, 1)))
            depth //= 2
    layers.append(Folded())
    return channels * depth, size


def _map(
    draw: st.DrawFn, layers: list[nn.Module], channels: int, size: tuple[int, int]
) -> tuple[int, tuple[int, int]]:
    """One layer on maps (channels, h, w), if it fits."""
    small = min(size)
    kind = draw(st.sampled_from(KINDS))
    outputs = draw(st.integers(1, 5))
    if kind == "convolution":
        taps = [draw(st.integers(1, min(3, edge))) for edge in size]
        stride = draw(st.integers(1, 2))
        dilation = draw(st.integers(1, 2)) if small >= 5 else 1
        layers += [
            nn.Conv2d(channels, outputs, taps, stride=stride, dilation=dilation),
            draw(st.sampled_from(ACTIVATIONS))(),
        ]
        size_ = [
            (e - (k - 1) * dilation - 1) // stride + 1 for e, k in zip(size, taps, strict=True)
        ]
        return outputs, (size_[0], size_[1])
    if kind == "pool" and small >= 3:
        edge, stride = draw(st.integers(2, 3)), draw(st.integers(1, 2))
        pool = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
        layers.append(pool(edge, stride=stride))
        return channels, ((size[0] - edge) // stride + 1, (size[1] - edge) // stride + 1)
    if kind == "residual" and small >= 3:
        taps = draw(st.sampled_from([1, 3]))
        layers.append(CroppedSum(nn.Conv2d(channels, channels, taps), taps // 2))
        return channels, (size[0] - taps + 1, size[1] - taps + 1)
    if kind == "branches" and small >= 5:
        layers.append(Branches(nn.Conv2d(channels, outputs, 3), nn.Conv2d(channels, outputs, 5)))
        return 2 * outputs, (size[0] - 4, size[1] - 4)
    if kind == "padded":
        return _padded(draw, layers, channels, size)
    if kind == "crop" and small >= 3:
        layers.append(Cropped(to_centre=False))
        return channels, (size[0] - 2, size[1] - 2)
    if kind == "gate":
        layers += [Gate(channels, nn.Sigmoid()), draw(st.sampled_from(ACTIVATIONS))()]
    elif kind == "norm":
        norms = [nn.BatchNorm2d(channels), ChannelsNormed(channels)]
        if size[0] * size[1] > 1:
            # PyTorch normalises no single number.
            norms += [nn.GroupNorm(1, channels), nn.InstanceNorm2d(channels, affine=True)]
        layers += [draw(st.sampled_from(norms)), nn.ReLU()]
    elif kind == "attention":
        layers.append(Attention(channels))
    elif kind == "in place":
        layers.append(WritesInPlace(by_places=draw(st.booleans())))
    return channels, size


def _padded(
    draw: st.DrawFn, layers: list[nn.Module], channels: int, size: tuple[int, int]
) -> tuple[int, tuple[int, int]]:
    """A layer that pads its window in space."""
    stride = draw(st.integers(1, 2))
    mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
    outputs = draw(st.integers(1, 5))
    halves = ((size[0] - 1) // stride + 1, (size[1] - 1) // stride + 1)
    which = draw(st.sampled_from(["convolution", "volume", "pool", "residual"]))
    if min(size) < 2 or which == "residual":
        layers.append(CroppedSum(nn.Conv2d(channels, channels, 3, padding=1), 0))
        return channels, size
    if which == "pool":
        pool = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
        layers.append(pool(3, stride=stride, padding=1))
        return channels, halves
    if which == "volume":
        layers += [Unsqueezed(), nn.Conv3d(1, 2, 3, padding=1), nn.ReLU(), Folded()]
        return 2 * channels, size
    layers.append(nn.Conv2d(channels, outputs, 3, stride, padding=1, padding_mode=mode))
    layers.append(draw(st.sampled_from(ACTIVATIONS))())
    return outputs, halves


def _unsettle(network: nn.Module) -> None:
    """Statistics and factors of normalisation as after some training."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            nn.init.normal_(part.weight)


def difference(
    dense: DenseNetwork, network: nn.Module, window: tuple[int, int], size: tuple[int, int]
) -> float:
    """The largest difference of logits from the plain way on a random scene, in float64."""
    x = torch.randn(1, dense.bands, size[0] + window[0] - 1, size[1] + window[1] - 1).double()
    with torch.inference_mode():
        plain = PatchByPatch(network.eval(), window, batch=64)(x)
        ours = dense(x)
    assert ours.shape == plain.shape
    return float((ours - plain).abs().max())
