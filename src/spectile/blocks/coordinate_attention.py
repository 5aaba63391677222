"""Coordinate attention: a channel's gate knows the row and the column.

Hou, Zhou and Feng, "Coordinate Attention for Efficient Mobile Network Design", CVPR 2021,
section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.attention import attention_block
from spectile.blocks.batch_norm import BatchNorm

SMALLEST_WIDTH = 8


@attention_block("coordinate")
class CoordinateAttention(nn.Module):
    """Scale by a gate a row times a gate a column, both from the means along the other axis.

    Maps (N, C, H, W) to (N, C, H, W). Rows and columns go through one narrow convolution of
    channels / reduction, but at least 8, as in the authors' code.

    Raises ValueError for channels or reduction below 1.
    """

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        if channels < 1 or reduction < 1:
            raise ValueError(
                "coordinate attention needs at least one channel and a reduction of at least 1, "
                f"not {channels} and {reduction}."
            )
        width = max(SMALLEST_WIDTH, channels // reduction)
        self.reduce = nn.Conv2d(channels, width, 1)
        self.norm = BatchNorm(width)
        self.expand_rows = nn.Conv2d(width, channels, 1)
        self.expand_columns = nn.Conv2d(width, channels, 1)

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of maps (N, C, H, W) the gates of rows (N, C, H, 1) and of columns (N, C, 1, W)."""
        height, width = x.size(2), x.size(3)
        rows = x.mean(3, keepdim=True)
        columns = x.mean(2, keepdim=True).transpose(2, 3)
        both = F.hardswish(self.norm(self.reduce(torch.cat([rows, columns], 2))))
        rows, columns = torch.split(both, [height, width], 2)
        row_gate = torch.sigmoid(self.expand_rows(rows))
        return row_gate, torch.sigmoid(self.expand_columns(columns.transpose(2, 3)))

    def place_weights(self, x: Tensor) -> Tensor:
        """The mean over channels of what maps (N, C, H, W) are multiplied by: (N, 1, H, W)."""
        row_gate, column_gate = self.gates(x)
        return (row_gate * column_gate).mean(1, keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        row_gate, column_gate = self.gates(x)
        return x * row_gate * column_gate
