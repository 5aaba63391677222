"""HybridSN: 3-D convolutions over bands and space, then a 2-D one, then a classifier of windows.

Roy, Krishna, Dubey and Chaudhuri, "HybridSN: Exploring 3-D-2-D CNN Feature Hierarchy for
Hyperspectral Image Classification", IEEE GRSL 17(2), 2020, table I. With `attention` a block acts
on the 64 channels of the 2-D convolution; squeeze-and-excitation there makes hybridsn-se.

Two ablations, not of the paper, show what either kind of convolution buys. hybridsn-2d has four 2-D
ones, whose channels are the bands, with about as many weights as the paper's four; hybridsn-3d has
four 3-D ones. At 30 bands both give as many maps as the paper's to the same classifier.

Deviations: logits come out instead of probabilities; with fewer than 13 bands the spectral kernels
shrink, see :func:`spectral_kernels`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.squeeze_excitation import SqueezeExcitation
from spectile.blocks.tracing import followed
from spectile.errors import InputError
from spectile.networks.arguments import Attention, attention_builder, check_sizes
from spectile.networks.classifying import HIDDEN, Classifying, hidden_layers
from spectile.networks.registry import register
from spectile.networks.windows.hybridsn_regions import by_pixels, bytes_a_pixel, region_trunk
from spectile.networks.windows.region_training import cut_out

Convolutions = Literal["hybrid", "2-d", "3-d"]

SPATIAL_KERNEL = 3
VALID_CONVOLUTIONS = 4
SMALLEST_WINDOW = 1 + VALID_CONVOLUTIONS * (SPATIAL_KERNEL - 1)
CHANNELS: Mapping[Convolutions, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "hybrid": ((8, 16, 32), (64,)),
    "2-d": ((), (128, 128, 128, 64)),
    "3-d": ((8, 16, 32, 4), ()),
}
"""Of the 3-D convolutions, then of the 2-D ones: four together."""


def spectral_kernels(bands: int) -> tuple[int, int, int, int]:
    """How deep the 3-D kernels reach along `bands`: the paper's 7, 5, 3 from 13 bands on.

    With fewer, the deepest kernel shrinks by 2 until the three fit, so that a six-band image goes
    through the same network: 12 bands give 5, 5, 3 and 6 bands 3, 3, 1. A fourth, where there is
    one, reaches along 3 of the depths that are left, or along 1 if they are fewer.
    """
    kernels = [7, 5, 3]
    while sum(kernels) - len(kernels) >= bands:
        deepest = kernels.index(max(kernels))
        kernels[deepest] -= 2
    left = bands - sum(kernels) + len(kernels)
    return kernels[0], kernels[1], kernels[2], 3 if left >= 3 else 1


@register(
    "hybridsn",
    takes="windows",
    summary="3-D then 2-D convolutions over a window",
    paper="Roy et al. 2020, doi:10.1109/LGRS.2019.2918719",
)
@register(
    "hybridsn-se",
    takes="windows",
    summary="HybridSN with squeeze-and-excitation after the 2-D convolution",
    paper="Roy et al. 2020; Hu et al. 2018, arXiv:1709.01507",
    attention=SqueezeExcitation,
)
@register(
    "hybridsn-2d",
    takes="windows",
    summary="HybridSN of 2-D convolutions alone, for comparison",
    paper="ablation of Roy et al. 2020",
    convolutions="2-d",
)
@register(
    "hybridsn-3d",
    takes="windows",
    summary="HybridSN of 3-D convolutions alone, for comparison",
    paper="ablation of Roy et al. 2020",
    convolutions="3-d",
)
class HybridSN(Classifying):
    """Classify windows: (N, bands, window, window) to logits (N, classes).

    `convolutions` are the paper's, "hybrid", or of one kind, "2-d" or "3-d". Attention and
    classifier take the trunk's maps: 64, but with "3-d" 4 for each depth that is left.

    Raises InputError for a window that is even or below 9, for bands or classes below 1 and for
    unknown convolutions.
    """

    classifier: nn.Sequential

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        window: int = 25,
        convolutions: Convolutions = "hybrid",
        attention: Attention = None,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        check_sizes("HybridSN", bands, classes)
        if window < SMALLEST_WINDOW or window % 2 == 0:
            raise InputError(
                f"hybridsn can't take a window of {window} pixels: "
                f"choose an odd number from {SMALLEST_WINDOW} on."
            )
        if convolutions not in CHANNELS:
            raise InputError(
                f"hybridsn has no {convolutions!r} convolutions: choose 'hybrid', '2-d' or '3-d'."
            )
        self.bands = bands
        self.classes = classes
        self.num_features = HIDDEN[1]
        self.window = window
        channels_3d, channels_2d = CHANNELS[convolutions]
        layers: list[nn.Module] = []
        channels_in, depth = 1, bands
        for channels, reach in zip(channels_3d, spectral_kernels(bands), strict=False):
            kernel = (reach, SPATIAL_KERNEL, SPATIAL_KERNEL)
            layers += [nn.Conv3d(channels_in, channels, kernel), nn.ReLU(inplace=True)]
            channels_in = channels
            depth -= reach - 1
        self.spectral_spatial = nn.Sequential(*layers)
        layers = []
        maps = channels_in * depth
        for channels in channels_2d:
            layers += [nn.Conv2d(maps, channels, SPATIAL_KERNEL), nn.ReLU(inplace=True)]
            maps = channels
        self.spatial = nn.Sequential(*layers)
        build = attention_builder(attention)
        self.attention = build(maps) if build else nn.Identity()
        self.map_size = window - SMALLEST_WINDOW + 1
        inputs = maps * self.map_size**2
        self.classifier = nn.Sequential(nn.Flatten(), *hidden_layers(inputs, classes, dropout))

    def trunk(self, x: Tensor) -> Tensor:
        """Maps (N, bands, H, W) to (N, maps, H - 8, W - 8): what neighbouring windows share."""
        # The CPU's 3-D kernels are up to twice as fast with the channels innermost.
        volume = x.unsqueeze(1).contiguous(memory_format=torch.channels_last_3d)
        folded: Tensor = self.spectral_spatial(volume).flatten(1, 2)
        features: Tensor = self.spatial(folded)
        return features

    def forward(self, x: Tensor) -> Tensor:
        if not followed(x) and x.shape[1:] != (self.bands, self.window, self.window):
            raise InputError(
                f"this network takes windows (N, {self.bands}, {self.window}, {self.window}), not "
                f"{tuple(x.shape)}: create it with the bands and the window of its input."
            )
        return self.head(self.trunk(x))

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """PyTorch's, and with ``memory_format=torch.channels_last`` for the 3-D kernels as well.

        Those have five axes, for which the order is called channels_last_3d.
        """
        if kwargs.get("memory_format") is not torch.channels_last:
            return super().to(*args, **kwargs)
        others = {key: value for key, value in kwargs.items() if key != "memory_format"}
        if args or others:
            super().to(*args, **others)
        orders = {4: torch.channels_last, 5: torch.channels_last_3d}
        for weight in self.parameters():
            if weight.dim() in orders:
                weight.data = weight.data.contiguous(memory_format=orders[weight.dim()])
        return self

    def head(self, features: Tensor) -> Tensor:
        """Maps a window's features (N, maps, window - 8, window - 8) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.attention(features))
        return logits

    @property
    def bytes_a_pixel(self) -> int:
        """About what a training step holds in memory for each pixel of a region."""
        return bytes_a_pixel(self.bands, self.spectral_spatial, self.spatial)

    def shared(self, region: Tensor) -> tuple[Tensor, ...]:
        """Of a region (1, bands, H, W): the trunk's maps, and the first Linear sorted for them."""
        maps = region_trunk(region, self.spectral_spatial, self.spatial)
        weight = self.classifier[1].weight
        assert isinstance(weight, Tensor)
        return maps, by_pixels(weight, self.map_size)

    def window_logits(self, shared: tuple[Tensor, ...], rows: Tensor, columns: Tensor) -> Tensor:
        """Logits (N, classes) of the windows that begin at `rows` and `columns` of a region.

        Attention and dropout see each window by itself.
        """
        maps, matrix = shared
        windows = cut_out(maps, rows, columns, self.map_size)
        attended = self.attention(windows).permute(0, 2, 3, 1)
        _, first, *others = self.classifier
        y = F.linear(attended.flatten(1), matrix, first.bias)  # type: ignore[arg-type]
        for layer in others:
            y = layer(y)
        return y
