"""Convolutional block attention (CBAM): a gate a channel, then a gate a position.

Woo, Park, Lee and Kweon, "CBAM: Convolutional Block Attention Module", ECCV 2018, section 3. The
position's gate carries a batch normalisation, which the authors' code has and equation 3 leaves
out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectile.blocks.attention import attention_block
from spectile.blocks.batch_norm import BatchNorm
from spectile.blocks.narrowing import narrowed


class CBAMChannelGate(nn.Module):
    """Scale channels by sigmoid(MLP(mean) + MLP(max)), one MLP for both; (N, C, H, W) to same."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        width = narrowed(channels, reduction, "CBAM")
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, width, 1), nn.ReLU(), nn.Conv2d(width, channels, 1)
        )

    def channel_gates(self, x: Tensor) -> Tensor:
        """What the channels of maps (N, C, H, W) are multiplied by: (N, C, 1, 1), 0 to 1."""
        mean = x.mean((2, 3), keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
        return torch.sigmoid(self.mlp(mean.to(x.dtype)) + self.mlp(x.amax((2, 3), True)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.channel_gates(x)


class CBAMSpatialGate(nn.Module):
    """Scale positions by a convolution over the maps of channel max and channel mean."""

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"CBAM can't use a kernel of {kernel}: choose an odd one.")
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.norm = BatchNorm(1, momentum=0.01)

    def place_weights(self, x: Tensor) -> Tensor:
        """What the positions of maps (N, C, H, W) are multiplied by: (N, 1, H, W), 0 to 1."""
        seen = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        return torch.sigmoid(self.norm(self.conv(seen)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.place_weights(x)


@attention_block("cbam")
class CBAM(nn.Module):
    """The channel gate, then the spatial gate; maps (N, C, H, W) to (N, C, H, W).

    Raises ValueError if `reduction` leaves no channel or `kernel` is even.
    """

    def __init__(self, channels: int, reduction: int = 16, kernel: int = 7) -> None:
        super().__init__()
        self.channel = CBAMChannelGate(channels, reduction)
        self.spatial = CBAMSpatialGate(kernel)

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = self.spatial(self.channel(x))
        return gated
