"""Efficient channel attention (ECA): a channel's gate looks at its neighbours in the channel order.

Wang, Wu, Zhu, Li, Zuo and Hu, "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural
Networks", CVPR 2020, section 3.2 and equation 12.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from spectile.blocks.attention import attention_block


def kernel_for(channels: int) -> int:
    """How many neighbouring channels a gate sees: |(log2 C + 1) / 2|, the next odd number."""
    reach = int((math.log2(channels) + 1) / 2)
    return reach if reach % 2 else reach + 1


@attention_block("eca")
class EfficientChannelAttention(nn.Module):
    """Scale each channel by the sigmoid of a 1-D convolution over the channels' means.

    Maps (N, C, H, W) to (N, C, H, W). `kernel` is the paper's rule, see :func:`kernel_for`, unless
    given. The squeeze is taken in float32 under autocast.

    Raises ValueError for less than one channel and for an even kernel.
    """

    def __init__(self, channels: int, kernel: int | None = None) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(
                f"efficient channel attention needs at least one channel, not {channels}."
            )
        kernel = kernel_for(channels) if kernel is None else kernel
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(
                f"efficient channel attention can't use a kernel of {kernel}: choose an odd one."
            )
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def channel_gates(self, x: Tensor) -> Tensor:
        """What the channels of maps (N, C, H, W) are multiplied by: (N, C, 1, 1), 0 to 1."""
        squeezed = x.mean((2, 3), dtype=torch.promote_types(x.dtype, torch.float32)).to(x.dtype)
        gate = torch.sigmoid(self.conv(squeezed.unsqueeze(1)))
        return gate.flatten(1)[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        return x * self.channel_gates(x)
