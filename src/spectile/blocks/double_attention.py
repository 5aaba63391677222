"""Double attention: gather a few descriptors from the whole map, then hand them out by position.

Chen, Kalantidis, Li, Yan and Feng, "A^2-Nets: Double Attention Networks", NeurIPS 2018, section 3
and figure 1. The gathering softmax runs over positions, the distributing one over descriptors: a
well-known copy leaves out the axis and so normalises over the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectile.blocks.attention import attention_block


@attention_block("double")
class DoubleAttention(nn.Module):
    """x + project(gathered descriptors, distributed); maps (N, C, H, W) to (N, C, H, W).

    `width` is the paper's c_m, the length of a descriptor, and `descriptors` its c_n, how many
    there are; both are a quarter of the channels unless given.

    Raises ValueError for a number below 1.
    """

    def __init__(
        self, channels: int, width: int | None = None, descriptors: int | None = None
    ) -> None:
        super().__init__()
        width = max(channels // 4, 1) if width is None else width
        descriptors = max(channels // 4, 1) if descriptors is None else descriptors
        if min(channels, width, descriptors) < 1:
            raise ValueError(
                "double attention needs at least one channel, width and descriptor, "
                f"not {channels}, {width} and {descriptors}."
            )
        self.feature = nn.Conv2d(channels, width, 1)
        self.gather = nn.Conv2d(channels, descriptors, 1)
        self.distribute = nn.Conv2d(channels, descriptors, 1)
        self.project = nn.Conv2d(width, channels, 1)

    def place_weights(self, x: Tensor) -> Tensor:
        """Where each descriptor of maps (N, C, H, W) is gathered: (N, descriptors, H, W).

        1 is as much as everywhere.
        """
        gather = torch.softmax(self.gather(x).flatten(2), 2)
        return (gather * gather.size(2)).reshape(x.size(0), -1, x.size(2), x.size(3))

    def forward(self, x: Tensor) -> Tensor:
        features = self.feature(x).flatten(2)
        gather = torch.softmax(self.gather(x).flatten(2), 2)
        distribute = torch.softmax(self.distribute(x).flatten(2), 1)
        gathered = features @ gather.to(features.dtype).transpose(1, 2)
        handed_out = gathered @ distribute.to(features.dtype)
        projected: Tensor = self.project(handed_out.reshape(x.size(0), -1, x.size(2), x.size(3)))
        return x + projected
