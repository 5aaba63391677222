"""Random window networks of layers that dense mapping shares, and the plain way to run them."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.mapping.dense import DenseNetwork
from spectile.mapping.patches import PatchByPatch


class Gate(nn.Module):
    """Squeeze-and-excitation as most people write it, for maps or volumes."""

    def __init__(self, channels: int, activation: nn.Module) -> None:
        super().__init__()
        self.excite = nn.Sequential(nn.Linear(channels, 2), nn.ReLU(), nn.Linear(2, channels))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.flatten(2).mean(2)
        gate = self.activation(self.excite(squeezed))
        return x * gate.view(*gate.shape, *[1] * (x.ndim - 2)).expand_as(x)


class CroppedSum(nn.Module):
    """A residual: the input's middle plus an unpadded convolution of it."""

    def __init__(self, convolution: nn.Module, crop: int) -> None:
        super().__init__()
        self.convolution = convolution
        self.crop = crop

    def forward(self, x: Tensor) -> Tensor:
        middle = x[..., self.crop : -self.crop, self.crop : -self.crop] if self.crop else x
        return middle + self.convolution(x)


class Branches(nn.Module):
    """Convolutions of two sizes, cropped alike and joined."""

    def __init__(self, narrow: nn.Module, wide: nn.Module) -> None:
        super().__init__()
        self.narrow = narrow
        self.wide = wide

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.pad(self.narrow(x), (-1, -1, -1, -1)), self.wide(x)], 1)


class Unsqueezed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1)


class Folded(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.size(0), -1, x.size(3), x.size(4))


class Pooled(nn.Module):
    """Mean and maximum over the window, side by side."""

    def forward(self, x: Tensor) -> Tensor:
        mean = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return torch.cat([mean, F.adaptive_max_pool2d(x, 1).flatten(1)], 1)


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
    if draw(st.booleans()):
        channels, size = _volume(draw, layers, bands, size)
    for _ in range(draw(st.integers(0, 3))):
        channels, size = _map(draw, layers, channels, size)
    features = channels * size[0] * size[1]
    if draw(st.booleans()) and draw(st.booleans()):
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
    kind = draw(st.sampled_from(["convolution", "pool", "residual", "branches", "gate", "norm"]))
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
    if kind == "gate":
        layers += [Gate(channels, nn.Sigmoid()), draw(st.sampled_from(ACTIVATIONS))()]
    elif kind == "norm":
        layers += [nn.BatchNorm2d(channels), nn.ReLU()]
    return channels, size


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
