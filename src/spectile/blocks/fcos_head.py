"""FCOS: at every place of every level what is there, how far its box reaches, how central it is.

Tian, Shen, Chen and He, "FCOS: Fully Convolutional One-Stage Object Detection", ICCV 2019, sections
3.1 to 3.3, with what its journal version ("FCOS: A Simple and Strong Anchor-Free Object Detector",
TPAMI 2020) improves: centerness on the box's branch, distances in strides, GroupNorm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.group_norm import group_normalised

PRIOR = 0.01
"""Probability of any class at a place before anything is learnt (Lin et al. 2017, section 4.1)."""
FARTHEST = 6.0
"""Logarithm of the strides that a box reaches at most."""


class LevelFindings(NamedTuple):
    """What the head says at the h x w places of a level."""

    classes: Tensor
    """Logits of each class, apart from one another; (N, classes, h, w)."""
    distances: Tensor
    """From a place to its box's left, top, right and bottom, in pixels; (N, 4, h, w)."""
    centerness: Tensor
    """Logits of how central in its box a place is; (N, 1, h, w)."""
    tower: Tensor
    """What the box is told from; (N, channels, h, w)."""


class FCOSHead(nn.Module):
    """Maps (N, channels, h, w), one a level, to :class:`LevelFindings`; levels share all weights.

    `strides` are the levels'; each level has a scale of its own for its distances. `shared`
    convolutions are common to classes and boxes, `convolutions` each has for itself.

    Raises ValueError for less than one level, class or channel, and for convolutions below 0.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        strides: Sequence[int],
        *,
        convolutions: int = 4,
        shared: int = 0,
    ) -> None:
        super().__init__()
        if min(channels, classes, *strides, len(strides)) < 1 or min(convolutions, shared) < 0:
            raise ValueError(
                f"FCOS needs at least one level, class and channel, not {len(strides)}, {classes} "
                f"and {channels}, and {convolutions} and {shared} convolutions of at least 0."
            )
        self.strides = tuple(strides)
        self.shared = tower(channels, shared)
        self.class_tower = tower(channels, convolutions)
        self.box_tower = tower(channels, convolutions)
        self.classify = last(channels, classes, -math.log((1 - PRIOR) / PRIOR))
        self.reach = last(channels, 4)
        self.centre = last(channels, 1)
        self.scales = nn.Parameter(torch.ones(len(strides), 1, 1, 1))

    def forward(self, maps: Sequence[Tensor]) -> list[LevelFindings]:
        return [
            self.level(x, self.scales[place], stride)
            for place, (x, stride) in enumerate(zip(maps, self.strides, strict=True))
        ]

    def level(self, x: Tensor, scale: Tensor, stride: int) -> LevelFindings:
        """What is found on one map."""
        x = self.shared(x)
        boxes = self.box_tower(x)
        # The scale, a tensor of three axes, makes them float32 again under autocast.
        strides = (scale * self.reach(boxes)).clamp(max=FARTHEST).exp()
        classes = self.classify(self.class_tower(x))
        return LevelFindings(classes, stride * strides, self.centre(boxes), boxes)


def tower(channels: int, convolutions: int) -> nn.Module:
    """So many 3x3 convolutions, each normalised in groups."""
    layers = (ConvNormAct(channels, channels) for _ in range(convolutions))
    return group_normalised(nn.Sequential(*layers))


def last(channels: int, outputs: int, bias: float = 0.0, padding: int = 1) -> nn.Conv2d:
    """A layer whose outputs all begin near `bias`."""
    layer = nn.Conv2d(channels, outputs, 3, padding=padding)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.constant_(layer.bias, bias)  # type: ignore[arg-type]  # it has one
    return layer


def places(height: int, width: int, stride: int, like: Tensor) -> Tensor:
    """Where in the image the places of a level lie, x and y in pixels; (height * width, 2)."""
    rows = torch.arange(height, device=like.device) * stride + stride // 2
    columns = torch.arange(width, device=like.device) * stride + stride // 2
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1).float()
