"""ResNet and SE-ResNet, 18 to 152 layers deep.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, table 1; Hu, Shen
and Sun, "Squeeze-and-Excitation Networks", CVPR 2018, table 1. Deviation: a bottleneck's stride is
in its 3x3 convolution ("v1.5"), as in timm and torchvision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import nn

from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.residual import BasicBlock, Bottleneck
from spectile.blocks.squeeze_excitation import SqueezeExcitation
from spectile.errors import InputError
from spectile.networks.arguments import Attention, attention_builder
from spectile.networks.classifiers.residual_network import Place, ResidualNetwork, Stem
from spectile.networks.registry import register

Depth = Literal[18, 34, 50, 101, 152]
named = partial(register, takes="images", paper="He et al. 2016, arXiv:1512.03385")
se_named = partial(register, takes="images", paper="Hu et al. 2018, arXiv:1709.01507")

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
BOTTLENECK_FROM = 50
"""Depth from which on the blocks are bottlenecks, with 4 times as many channels around them."""
EXPANSION = 4


@named("resnet-18", summary="8 residual blocks of two convolutions", depth=18)
@named("resnet-34", summary="16 residual blocks of two convolutions", depth=34)
@named("resnet-50", summary="16 residual bottlenecks", depth=50)
@named("resnet-101", summary="33 residual bottlenecks", depth=101)
@named("resnet-152", summary="50 residual bottlenecks", depth=152)
class ResNet(ResidualNetwork):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `attention` acts in every residual block after the last normalisation, before the addition. For
    the other options see :class:`~spectile.networks.classifiers.residual_network.ResidualNetwork`.

    Raises InputError for a depth that the paper doesn't have, too.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        depth: Depth = 50,
        stem: Stem = "imagenet",
        attention: Attention = None,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
        output_stride: int = 32,
    ) -> None:
        if depth not in BLOCKS:
            raise InputError(f"There is no ResNet-{depth}: choose {', '.join(map(str, BLOCKS))}.")
        deep = depth >= BOTTLENECK_FROM
        super().__init__(
            bands,
            classes,
            blocks=BLOCKS[depth],
            block=partial(bottleneck if deep else basic, attention_builder(attention)),
            expansion=EXPANSION if deep else 1,
            stem=stem,
            dropout=dropout,
            stochastic_depth=stochastic_depth,
            output_stride=output_stride,
        )


def basic(attention: Callable[[int], nn.Module] | None, place: Place) -> nn.Module:
    """Two 3x3 convolutions."""
    return BasicBlock(
        place.in_channels,
        place.planes,
        stride=place.step.stride,
        dilations=(place.step.first_dilation, place.step.dilation),
        attention=attention,
        stochastic_depth=place.stochastic_depth,
    )


def bottleneck(attention: Callable[[int], nn.Module] | None, place: Place) -> nn.Module:
    """A 3x3 convolution between two 1x1 ones."""
    stride, dilation = place.step.stride, place.step.first_dilation
    return Bottleneck(
        place.in_channels,
        place.planes,
        EXPANSION * place.planes,
        ConvNormAct(place.planes, place.planes, stride=stride, dilation=dilation),
        stride=stride,
        attention=attention,
        stochastic_depth=place.stochastic_depth,
    )


@se_named("se-resnet-18", summary="ResNet-18 with gated channels", depth=18)
@se_named("se-resnet-34", summary="ResNet-34 with gated channels", depth=34)
@se_named("se-resnet-50", summary="ResNet-50 with gated channels", depth=50)
@se_named("se-resnet-101", summary="ResNet-101 with gated channels", depth=101)
@se_named("se-resnet-152", summary="ResNet-152 with gated channels", depth=152)
def se_resnet(
    bands: int,
    classes: int,
    *,
    depth: Depth = 50,
    reduction: int = 16,
    least_width: int = 1,
    stem: Stem = "imagenet",
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
    output_stride: int = 32,
) -> ResNet:
    """ResNet with squeeze-and-excitation in every block.

    The gates' inner width is channels / reduction, but at least `least_width`: timm's seresnet18
    and seresnet34 have at least 8.
    """

    def attention(channels: int) -> nn.Module:
        width = max(least_width, channels // reduction) if least_width > 1 else None
        return SqueezeExcitation(channels, reduction, width=width)

    return ResNet(
        bands,
        classes,
        depth=depth,
        stem=stem,
        attention=attention,
        dropout=dropout,
        stochastic_depth=stochastic_depth,
        output_stride=output_stride,
    )
