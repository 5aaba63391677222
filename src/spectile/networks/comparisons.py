"""VGG-16 and GoogLeNet, for comparison in the table of costs; they are not for training.

Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015, table 1, column D; Szegedy et
al., "Going Deeper with Convolutions", CVPR 2015, table 1. GoogLeNet is without its auxiliary
classifiers and without local response normalisation, which have no part in the costs of using it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

VGG_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
VGG_POOLED, VGG_HIDDEN = 7, 4096

# 1x1, 3x3 reduced, 3x3, 5x5 reduced, 5x5, behind the pooling
INCEPTIONS = (
    (
        (64, 96, 128, 16, 32, 32),
        (128, 128, 192, 32, 96, 64),
    ),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    (
        (256, 160, 320, 32, 128, 128),
        (384, 192, 384, 48, 128, 128),
    ),
)


def conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution with bias, and ReLU, as both papers have them."""
    layer = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2)
    return nn.Sequential(layer, nn.ReLU(inplace=True))


def vgg16(bands: int, classes: int) -> nn.Module:
    """13 convolutions and three linear layers; other sizes than 224 are pooled to the same 7x7."""
    layers: list[nn.Module] = []
    channels = bands
    for stage in VGG_STAGES:
        for width in stage:
            layers.append(conv(channels, width, 3))
            channels = width
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(VGG_POOLED),
        nn.Flatten(),
        nn.Linear(channels * VGG_POOLED**2, VGG_HIDDEN),
        nn.ReLU(inplace=True),
        nn.Linear(VGG_HIDDEN, VGG_HIDDEN),
        nn.ReLU(inplace=True),
        nn.Linear(VGG_HIDDEN, classes),
    )


class Inception(nn.Module):
    """Four branches side by side: (N, in_channels, H, W) to (N, their channels in sum, H, W)."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        one, narrow3, three, narrow5, five, pooled = widths
        self.branches = nn.ModuleList(
            [
                conv(in_channels, one, 1),
                nn.Sequential(conv(in_channels, narrow3, 1), conv(narrow3, three, 3)),
                nn.Sequential(conv(in_channels, narrow5, 1), conv(narrow5, five, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(in_channels, pooled, 1)),
            ]
        )
        self.out_channels = one + three + five + pooled

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def googlenet(bands: int, classes: int) -> nn.Module:
    """Nine inception modules."""
    layers: list[nn.Module] = [
        conv(bands, 64, 7, 2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        conv(64, 64, 1),
        conv(64, 192, 3),
    ]
    channels = 192
    for stage in INCEPTIONS:
        layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        for widths in stage:
            inception = Inception(channels, widths)
            layers.append(inception)
            channels = inception.out_channels
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
    )


COMPARISONS: Mapping[str, Callable[[int, int], nn.Module]] = MappingProxyType(
    {"vgg-16": vgg16, "googlenet": googlenet}
)
"""What builds each for bands and classes."""
