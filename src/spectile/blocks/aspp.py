"""Atrous spatial pyramid pooling (ASPP): one map seen at several dilations and as a whole.

Chen, Papandreou, Schroff and Adam, "Rethinking Atrous Convolution for Semantic Image Segmentation",
arXiv:1706.05587, section 3.3; the separable variant and its rates are DeepLabv3+'s, Chen et al.,
"Encoder-Decoder with Atrous Separable Convolution", ECCV 2018, section 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.depthwise_separable import DepthwiseSeparable

# 16 and 8 are the papers'. At 32, which they leave out, the same reach in input pixels: half of 16.
ATROUS_RATES: Mapping[int, tuple[int, int, int]] = MappingProxyType(
    {8: (12, 24, 36), 16: (6, 12, 18), 32: (3, 6, 9)}
)


def atrous_rates(output_stride: int) -> tuple[int, int, int]:
    """The dilations that belong to a map of `output_stride`; raises ValueError for an unknown."""
    if output_stride not in ATROUS_RATES:
        raise ValueError(
            f"there are no dilations for an output stride of {output_stride}: choose 8, 16 or 32."
        )
    return ATROUS_RATES[output_stride]


class ImagePooling(nn.Module):
    """The mean of the whole map through a convolution, (N, C, H, W) to (N, out_channels, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        # ConvNormAct's normalisation takes a batch of one image, a single value a channel.
        self.project = ConvNormAct(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = self.project(x.mean((2, 3), keepdim=True))
        # Enlarging a map of one pixel, with aligned corners or without, repeats that pixel.
        return mean.expand(-1, -1, x.size(2), x.size(3))


class AtrousSpatialPyramidPooling(nn.Module):
    """A 1x1, one dilated 3x3 a rate and the image's mean, joined: (N, C, H, W) to (N, out, H, W).

    `rates` are dilations, see :func:`atrous_rates`. `separable` makes each dilated convolution
    depthwise, then 1x1, with normalisation and ReLU after both. `dropout` is TensorFlow's.

    Raises ValueError for less than one channel and for a rate below 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 256,
        rates: Sequence[int] = ATROUS_RATES[16],
        separable: bool = False,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, *rates) < 1:
            raise ValueError(
                "atrous spatial pyramid pooling needs channels and rates of at least 1, "
                f"not {in_channels} to {out_channels} channels at {tuple(rates)}."
            )
        self.branches = nn.ModuleList([ConvNormAct(in_channels, out_channels, 1)])
        convolution = DepthwiseSeparable if separable else ConvNormAct
        self.branches.extend(
            convolution(in_channels, out_channels, dilation=rate) for rate in rates
        )
        self.branches.append(ImagePooling(in_channels, out_channels))
        self.project = ConvNormAct(len(self.branches) * out_channels, out_channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.cat([branch(x) for branch in self.branches], 1)
        y: Tensor = self.dropout(self.project(seen))
        return y
