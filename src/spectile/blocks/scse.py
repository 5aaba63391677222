"""Concurrent spatial and channel squeeze-and-excitation (scSE): both gates, side by side.

Roy, Navab and Wachinger, "Recalibrating Fully Convolutional Networks with Spatial and Channel
Squeeze & Excitation Blocks", IEEE TMI 38(2), 2019, sections III and V; arXiv:1808.08127. Max-out is
that paper's best way to join the two, the sum is the one of their MICCAI 2018 paper.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from spectile.blocks.attention import attention_block
from spectile.blocks.narrowing import narrowed
from spectile.blocks.squeeze_excitation import SqueezeExcitation

Join = Literal["max", "sum"]


@attention_block("scse")
class SpatialChannelExcitation(nn.Module):
    """Squeeze-and-excitation over channels beside a gate a position, joined by max or sum.

    Maps (N, C, H, W) to (N, C, H, W). Raises ValueError if `reduction` leaves no channel or for
    another `join`.
    """

    def __init__(self, channels: int, reduction: int = 2, join: Join = "max") -> None:
        super().__init__()
        narrowed(channels, reduction, "scSE")
        if join not in get_args(Join):
            raise ValueError(f"scSE can't join its gates by {join!r}: choose 'max' or 'sum'.")
        self.join = join
        self.channel = SqueezeExcitation(channels, reduction)
        self.spatial = nn.Conv2d(channels, 1, 1)

    def place_weights(self, x: Tensor) -> Tensor:
        """What the positions of maps (N, C, H, W) are multiplied by: (N, 1, H, W), 0 to 1."""
        return torch.sigmoid(self.spatial(x))

    def forward(self, x: Tensor) -> Tensor:
        by_channel: Tensor = self.channel(x)
        by_position = x * self.place_weights(x)
        if self.join == "max":
            return torch.maximum(by_channel, by_position)
        return by_channel + by_position
