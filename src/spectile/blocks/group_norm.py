"""Group normalisation: statistics of one image alone, so that small batches train as large ones.

Wu and He, "Group Normalization", ECCV 2018, section 3.1: 32 groups. Deviation: a group has at least
four channels, which narrow networks need, where the map may be a single pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROUPS = 32
LEAST = 4
"""Channels that a group has at least, where there are as many."""


class GroupNorm(nn.GroupNorm):
    """PyTorch's, without its check of sizes, which would end in the record of what follows it."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def group_norm(channels: int) -> GroupNorm:
    """The normalisation of (N, channels, H, W), in as many groups of one size as there can be."""
    fitting = (
        groups for groups in range(min(GROUPS, channels // LEAST), 1, -1) if channels % groups == 0
    )
    return GroupNorm(next(fitting, 1), channels)


def group_normalised(module: nn.Module) -> nn.Module:
    """`module` with a group normalisation in the place of every batch normalisation.

    Scales and shifts keep their names and values; running statistics are gone.
    """
    if isinstance(module, nn.BatchNorm2d):
        norm = group_norm(module.num_features)
        norm.weight, norm.bias = module.weight, module.bias
        return norm
    for name, child in module.named_children():
        setattr(module, name, group_normalised(child))
    return module
