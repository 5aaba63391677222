"""Res2 block: channels are split, each part's convolution also sees the part before it.

Gao et al., "Res2Net: A New Multi-scale Backbone Architecture", TPAMI 2021, section 3.1; the first
block of a stage as in the authors' code: no additions between the parts, and the last part, which
has no convolution, is average-pooled (the padding counts as zeros).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectile.blocks.conv_norm_act import ConvNormAct


class Res2(nn.Module):
    """Maps (N, scale * width, H, W) to (N, scale * width, ceil(H / stride), ceil(W / stride)).

    `scale` parts of `width` channels each. `first` is for the first block of a stage, the only one
    that may have a stride.

    Raises ValueError for a scale below 2 and for a stride in a block that isn't the first.
    """

    def __init__(
        self,
        width: int,
        scale: int = 4,
        *,
        stride: int = 1,
        dilation: int = 1,
        first: bool = False,
    ) -> None:
        super().__init__()
        if scale < 2 or width < 1:
            raise ValueError(
                f"a Res2 block can't split channels into {scale} parts of {width}: "
                "choose at least 2 parts of at least 1 channel."
            )
        if stride > 1 and not first:
            raise ValueError(
                f"a Res2 block with stride {stride} can't add its parts: set first=True."
            )
        self.width = width
        self.first = first
        self.convs = nn.ModuleList(
            ConvNormAct(width, width, stride=stride, dilation=dilation) for _ in range(scale - 1)
        )
        self.pool = nn.AvgPool2d(3, stride, padding=1) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split(x, self.width, 1)
        outputs: list[Tensor] = []
        for number, conv in enumerate(self.convs):
            part = parts[number]
            outputs.append(conv(part if self.first or not outputs else outputs[-1] + part))
        outputs.append(self.pool(parts[len(self.convs)]))
        return torch.cat(outputs, 1)
