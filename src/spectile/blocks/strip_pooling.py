"""Strip pooling: means along whole rows and columns, as a gate (SPM) and in a mixed module (MPM).

Hou, Zhang, Cheng and Feng, "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing",
CVPR 2020, sections 3.1 and 3.2. SPM stands in a bottleneck behind the ReLU of its 3x3 convolution,
two MPMs in the head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.attention import attention_block
from spectile.blocks.batch_norm import BatchNorm
from spectile.blocks.narrowing import narrowed


def _conv_norm(channels_in: int, channels_out: int, kernel: tuple[int, int]) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2)
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=padding, bias=False),
        BatchNorm(channels_out),
    )


class Strips(nn.Module):
    """The sum of row means and column means, each behind its own convolution of three along it.

    Maps (N, C, H, W) to (N, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rows = _conv_norm(channels, channels, (3, 1))
        self.columns = _conv_norm(channels, channels, (1, 3))

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.rows(x.mean(3, keepdim=True))
        columns: Tensor = self.columns(x.mean(2, keepdim=True))
        return rows + columns


@attention_block("strip-pooling")
class StripPooling(nn.Module):
    """Strip pooling module (SPM): scale by sigmoid(conv(relu(strips))).

    Maps (N, C, H, W) to (N, C, H, W). Raises ValueError for less than one channel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrowed(channels, 1, "strip pooling")
        self.strips = Strips(channels)
        self.expand = nn.Conv2d(channels, channels, 1)

    def gates(self, x: Tensor) -> Tensor:
        """What maps (N, C, H, W) are multiplied by, of the same shape, 0 to 1."""
        return torch.sigmoid(self.expand(torch.relu(self.strips(x))))

    def place_weights(self, x: Tensor) -> Tensor:
        """The mean over channels of the gates of maps (N, C, H, W): (N, 1, H, W)."""
        return self.gates(x).mean(1, keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gates(x)


class MixedPooling(nn.Module):
    """Mixed pooling module (MPM): short-range means on two grids beside long-range strips.

    Maps (N, C, H, W) to relu(x + both), (N, C, H, W). `grids` are the sides of the two grids.

    Raises ValueError if `reduction` leaves no channel.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 4,
        grids: tuple[int, int] = (20, 12),
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        width = narrowed(channels, reduction, "mixed pooling")
        self.grids = grids
        self.align_corners = align_corners
        self.reduce_short = _conv_norm(channels, width, (1, 1))
        self.reduce_long = _conv_norm(channels, width, (1, 1))
        self.unpooled = _conv_norm(width, width, (3, 3))
        self.pooled = nn.ModuleList(_conv_norm(width, width, (3, 3)) for _ in grids)
        self.strips = Strips(width)
        self.fuse_short = _conv_norm(width, width, (3, 3))
        self.fuse_long = _conv_norm(width, width, (3, 3))
        self.expand = _conv_norm(2 * width, channels, (1, 1))

    def _short(self, x: Tensor) -> Tensor:
        reduced = torch.relu(self.reduce_short(x))
        near: Tensor = self.unpooled(reduced)
        for side, conv in zip(self.grids, self.pooled, strict=True):
            grid = conv(F.adaptive_avg_pool2d(reduced, side))
            near = near + F.interpolate(
                grid, size=(x.size(2), x.size(3)), mode="bilinear", align_corners=self.align_corners
            )
        return torch.relu(self.fuse_short(torch.relu(near)))

    def _long(self, x: Tensor) -> Tensor:
        far = self.strips(torch.relu(self.reduce_long(x)))
        return torch.relu(self.fuse_long(torch.relu(far)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.expand(torch.cat([self._short(x), self._long(x)], 1)))
