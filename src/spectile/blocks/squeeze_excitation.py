"""Squeeze-and-excitation: every channel is scaled by a gate that sees the whole map.

Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018, section 3. Both layers carry a bias
and the reduced width is exactly channels / reduction, as in the paper's code; timm rounds it up to
a multiple of 8. MobileNetV3 states its reduced width and gates with a hard sigmoid.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spectile.blocks.attention import attention_block
from spectile.blocks.narrowing import narrowed


@attention_block("se")
class SqueezeExcitation(nn.Module):
    """Scale each channel by sigmoid(W2 relu(W1 mean)), the mean taken over height and width.

    Maps (N, C, H, W) to (N, C, H, W). `width` between the two layers is channels / reduction unless
    it is given. The squeeze is taken in float32 under autocast, where a mean over many
    half-precision values would lose digits.

    Raises ValueError if `reduction` is below 1 or leaves no channel, and for a width below 1.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        width: int | None = None,
        sigmoid: Callable[[Tensor], Tensor] = torch.sigmoid,
    ) -> None:
        super().__init__()
        if width is None:
            width = narrowed(channels, reduction, "squeeze-and-excitation")
        if width < 1:
            raise ValueError(f"squeeze-and-excitation needs a width of at least 1, not {width}.")
        self.reduce = nn.Conv2d(channels, width, 1)
        self.expand = nn.Conv2d(width, channels, 1)
        self.sigmoid = sigmoid

    def gate(self, squeezed: Tensor) -> Tensor:
        """The gate (N, C, H, W), 0 to 1, of means (N, C, H, W); H and W are 1 for a whole map."""
        excited: Tensor = self.expand(torch.relu(self.reduce(squeezed)))
        return self.sigmoid(excited)

    def channel_gates(self, x: Tensor) -> Tensor:
        """What the channels of maps (N, C, H, W) are multiplied by: (N, C, 1, 1), 0 to 1."""
        squeezed = x.mean((2, 3), keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
        return self.gate(squeezed.to(x.dtype))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.channel_gates(x)
