"""DeepLabv3+ decoder: deep features, enlarged, sharpened by the fine map of an early stage.

Chen, Zhu, Papandreou, Schroff and Adam, "Encoder-Decoder with Atrous Separable Convolution for
Semantic Image Segmentation", ECCV 2018, section 3.1 and tables 1 and 2: the fine map narrowed to 48
channels, then two 3x3 convolutions of 256.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.depthwise_separable import DepthwiseSeparable


class DeepLabDecoder(nn.Module):
    """Fine map (N, fine, H, W) and deep map (N, deep, h, w) to logits (N, classes, H, W).

    The narrowed fine map comes first where the two are joined. `convolutions` is how many 3x3
    follow, two in the paper; `separable` makes them depthwise, then 1x1. `align_corners` is how the
    deep map is enlarged; True is TensorFlow's.

    Raises ValueError for channels, classes or convolutions below 1.
    """

    def __init__(
        self,
        fine_channels: int,
        deep_channels: int,
        classes: int,
        *,
        narrow: int = 48,
        width: int = 256,
        convolutions: int = 2,
        separable: bool = False,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        if min(fine_channels, deep_channels, classes, narrow, width, convolutions) < 1:
            raise ValueError(
                "the DeepLab decoder needs at least one channel, class and convolution, not "
                f"{fine_channels}, {deep_channels}, {narrow} and {width} channels, {classes} "
                f"classes and {convolutions} convolutions."
            )
        self.align_corners = align_corners
        self.narrow = ConvNormAct(fine_channels, narrow, 1)
        convolution = DepthwiseSeparable if separable else ConvNormAct
        widths = [narrow + deep_channels] + [width] * convolutions
        self.sharpen = nn.Sequential(
            *(convolution(before, after) for before, after in pairwise(widths))
        )
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, fine: Tensor, deep: Tensor) -> Tensor:
        enlarged = F.interpolate(
            deep,
            size=(fine.size(2), fine.size(3)),
            mode="bilinear",
            align_corners=self.align_corners,
        )
        joined = torch.cat([self.narrow(fine), enlarged], 1)
        logits: Tensor = self.classifier(self.sharpen(joined))
        return logits
