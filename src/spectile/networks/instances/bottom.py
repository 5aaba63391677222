"""What makes the bases of an image, whose mixtures are the masks of its objects.

`DeepLabBases` is what BlendMask stands on (Chen et al., CVPR 2020, section 3.2): the decoder of
DeepLabv3+ with half its width, on the first and the third level of the pyramid. `Prototypes` is the
lighter one of Bolya, Zhou, Xiao and Lee, "YOLACT", ICCV 2019, section 3.1, for which the levels are
added up as in Kirillov, Girshick, He and Dollár, "Panoptic Feature Pyramid Networks", CVPR 2019.

Both take the levels of a pyramid, the finest first, and give bases twice as large as the finest.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.aspp import AtrousSpatialPyramidPooling, atrous_rates
from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.deeplab_decoder import DeepLabDecoder
from spectile.blocks.group_norm import group_normalised

WIDTH = 128
"""Channels at most."""
DEEP = 2
"""Which level is the deep one of a decoder."""
CONVOLUTIONS = 3


class DeepLabBases(nn.Module):
    """Levels (N, channels, h, w), the finest of `stride`, to bases (N, bases, 2h, 2w)."""

    def __init__(self, channels: int, bases: int, stride: int) -> None:
        super().__init__()
        width = min(WIDTH, channels)
        rates = atrous_rates(stride * 2**DEEP)
        self.pyramid = group_normalised(
            AtrousSpatialPyramidPooling(channels, width, rates, dropout=0.0)
        )
        self.decoder = group_normalised(
            DeepLabDecoder(channels, width, bases, width=width, align_corners=False)
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        return twice(self.decoder(levels[0], self.pyramid(levels[DEEP])))


class Prototypes(nn.Module):
    """Levels (N, channels, h, w), of which it takes three, to bases (N, bases, 2h, 2w)."""

    def __init__(self, channels: int, bases: int) -> None:
        super().__init__()
        width = min(WIDTH, channels)
        self.narrow = nn.ModuleList(
            group_normalised(ConvNormAct(channels, width)) for _ in range(DEEP + 1)
        )
        layers = (ConvNormAct(width, width) for _ in range(CONVOLUTIONS))
        self.layers = group_normalised(nn.Sequential(*layers))
        self.last = nn.Sequential(
            group_normalised(ConvNormAct(width, width)), nn.Conv2d(width, bases, 1)
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        narrow = [layer(x) for layer, x in zip(self.narrow, levels, strict=False)]
        size = narrow[0].shape[2:]
        joined = narrow[0]
        for coarse in narrow[1:]:
            joined = joined + F.interpolate(coarse, size, mode="bilinear", align_corners=False)
        bases: Tensor = self.last(twice(self.layers(joined)))
        return bases


def twice(x: Tensor) -> Tensor:
    """Maps enlarged to twice their size."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
