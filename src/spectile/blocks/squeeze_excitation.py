"""Squeeze-and-excitation: every channel is scaled by a gate that sees the whole map.

Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018, section 3. Both layers carry a bias
and the reduced width is exactly channels / reduction, as in the paper's code; timm rounds it up to
a multiple of 8.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Scale each channel by sigmoid(W2 relu(W1 mean)), the mean taken over height and width.

    Maps (N, C, H, W) to (N, C, H, W). The squeeze is taken in float32 under autocast, where a mean
    over many half-precision values would lose digits.

    Raises ValueError if `reduction` is below 1 or leaves no channel.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(
                f"squeeze-and-excitation can't reduce {channels} channels by {reduction}: "
                f"choose a reduction between 1 and {channels}."
            )
        self.reduce = nn.Conv2d(channels, channels // reduction, 1)
        self.expand = nn.Conv2d(channels // reduction, channels, 1)

    def gate(self, squeezed: Tensor) -> Tensor:
        """The gate (N, C, H, W), 0 to 1, of means (N, C, H, W); H and W are 1 for a whole map."""
        excited: Tensor = self.expand(torch.relu(self.reduce(squeezed)))
        return torch.sigmoid(excited)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
        return x * self.gate(squeezed.to(x.dtype))
