"""HybridSN: 3-D convolutions over bands and space, then a 2-D one, then a classifier of windows.

Roy, Krishna, Dubey and Chaudhuri, "HybridSN: Exploring 3-D-2-D CNN Feature Hierarchy for
Hyperspectral Image Classification", IEEE GRSL 17(2), 2020, table I. With `attention` a block acts
on the 64 channels of the 2-D convolution; squeeze-and-excitation there makes hybridsn-se.

Deviations: logits come out instead of probabilities; with fewer than 13 bands the spectral kernels
shrink, see :func:`spectral_kernels`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.networks.arguments import Attention, attention_builder, check_sizes

SPATIAL_KERNEL = 3
VALID_CONVOLUTIONS = 4
SMALLEST_WINDOW = 1 + VALID_CONVOLUTIONS * (SPATIAL_KERNEL - 1)
CHANNELS_3D = (8, 16, 32)
CHANNELS_2D = 64
HIDDEN = (256, 128)


def spectral_kernels(bands: int) -> tuple[int, int, int]:
    """How deep the three 3-D kernels reach along `bands`: the paper's 7, 5, 3 from 13 bands on.

    With fewer, the deepest kernel shrinks by 2 until the three fit, so that a six-band image goes
    through the same network: 12 bands give 5, 5, 3 and 6 bands 3, 3, 1.
    """
    kernels = [7, 5, 3]
    while sum(kernels) - len(kernels) >= bands:
        deepest = kernels.index(max(kernels))
        kernels[deepest] -= 2
    return kernels[0], kernels[1], kernels[2]


class HybridSN(nn.Module):
    """Classify windows: (N, bands, window, window) to logits (N, classes).

    Raises InputError for a window that is even or below 9 and for bands or classes below 1.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        window: int = 25,
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
        self.bands = bands
        self.classes = classes
        self.window = window
        kernels = spectral_kernels(bands)
        depth = bands - sum(kernels) + len(kernels)
        convolutions: list[nn.Module] = []
        channels_in = 1
        for channels_out, kernel in zip(CHANNELS_3D, kernels, strict=True):
            convolutions += [
                nn.Conv3d(channels_in, channels_out, (kernel, SPATIAL_KERNEL, SPATIAL_KERNEL)),
                nn.ReLU(inplace=True),
            ]
            channels_in = channels_out
        self.spectral_spatial = nn.Sequential(*convolutions)
        self.spatial = nn.Sequential(
            nn.Conv2d(channels_in * depth, CHANNELS_2D, SPATIAL_KERNEL), nn.ReLU(inplace=True)
        )
        build = attention_builder(attention)
        self.attention = build(CHANNELS_2D) if build else nn.Identity()
        self.map_size = window - SMALLEST_WINDOW + 1
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(CHANNELS_2D * self.map_size**2, HIDDEN[0]),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN[0], HIDDEN[1]),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN[1], classes),
        )

    def trunk(self, x: Tensor) -> Tensor:
        """Maps (N, bands, H, W) to (N, 64, H - 8, W - 8): what neighbouring windows share."""
        # The CPU's 3-D kernels are up to twice as fast with the channels innermost.
        volume = x.unsqueeze(1).contiguous(memory_format=torch.channels_last_3d)
        folded: Tensor = self.spectral_spatial(volume).flatten(1, 2)
        features: Tensor = self.spatial(folded)
        return features

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != (self.bands, self.window, self.window):
            raise InputError(
                f"this network takes windows (N, {self.bands}, {self.window}, {self.window}), not "
                f"{tuple(x.shape)}: create it with the bands and the window of its input."
            )
        logits: Tensor = self.classifier(self.attention(self.trunk(x)))
        return logits
