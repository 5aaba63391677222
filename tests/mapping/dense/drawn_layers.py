"""Layers of random networks: gates, crops, attention, what is written in place, recurrent ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
    """A residual: the input's middle plus a convolution of it, padded or not."""

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


class Cropped(nn.Module):
    """The middle of the window, or its centre alone."""

    def __init__(self, *, to_centre: bool) -> None:
        super().__init__()
        self.to_centre = to_centre

    def forward(self, x: Tensor) -> Tensor:
        if self.to_centre:
            return x[:, :, x.shape[2] // 2, x.shape[3] // 2]
        return x[:, :, 1:-1, 1:-1]


class Attention(nn.Module):
    """Each place of the window takes from all others, as it is like them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.all = nn.Linear(channels, 3 * channels)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.all(x.flatten(2).transpose(1, 2)).chunk(3, 2)
        mixed = (query @ key.transpose(1, 2)).softmax(2) @ value
        return x + mixed.transpose(1, 2).reshape(x.shape)


class ChannelsNormed(nn.Module):
    """Layer normalisation over the channels of each place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class WritesInPlace(nn.Module):
    """Writes into its tensor, through views of it as well."""

    def __init__(self, *, by_places: bool) -> None:
        super().__init__()
        self.by_places = by_places

    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros(x.shape, dtype=x.dtype)
        y[:, :] = x
        y[:, 0] += 1
        y[:, 1::2] *= y[:, :1]
        y.view(len(y), -1).tanh_()
        if self.by_places:
            y[:, :, 0] -= x[:, :, -1]
        y[y < -0.5] = 0.25
        return y


class OverBands(nn.Module):
    """A recurrent layer over the spectrum of each pixel."""

    def __init__(self, recurrent: nn.RNNBase) -> None:
        super().__init__()
        self.recurrent = recurrent

    def forward(self, x: Tensor) -> Tensor:
        windows, bands, height, width = x.shape
        spectra = x.permute(0, 2, 3, 1).reshape(windows * height * width, bands, 1)
        last = self.recurrent(spectra)[0][:, -1]
        return last.reshape(windows, height, width, -1).permute(0, 3, 1, 2)


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
