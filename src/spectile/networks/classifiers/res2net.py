"""Res2Net: a ResNet-50 whose 3x3 convolutions are split and see one another.

Gao et al., "Res2Net: A New Multi-scale Backbone Architecture", TPAMI 2021, table 2: 26w x 4s, that
is 4 parts of 26 channels in the first stage. 48w x 2s, 14w x 8s and 26w x 6s or 8s are options.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from spectile.blocks.res2 import Res2
from spectile.blocks.residual import Bottleneck
from spectile.errors import InputError
from spectile.networks.arguments import Attention, attention_builder
from spectile.networks.classifiers.residual_network import PLANES, Place, ResidualNetwork, Stem
from spectile.networks.registry import register

BLOCKS = (3, 4, 6, 3)
EXPANSION = 4


@register(
    "res2net-50",
    takes="images",
    summary="ResNet-50 with kernels of several reaches in a block",
    paper="Gao et al. 2021, arXiv:1904.01169",
)
class Res2Net(ResidualNetwork):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `width` is the channels of each of `scale` parts in the first stage; they double with every
    stage. `attention` acts in every residual block before the addition. For the other options see
    :class:`~spectile.networks.classifiers.residual_network.ResidualNetwork`.

    Raises InputError for less than 1 channel or 2 parts, too.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        width: int = 26,
        scale: int = 4,
        stem: Stem = "imagenet",
        attention: Attention = None,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
        output_stride: int = 32,
    ) -> None:
        if width < 1 or scale < 2:
            raise InputError(
                f"Res2Net can't have {scale} parts of {width} channels: "
                "choose a scale from 2 and a width from 1 on."
            )
        super().__init__(
            bands,
            classes,
            blocks=BLOCKS,
            block=partial(res2_bottleneck, width, scale, attention_builder(attention)),
            expansion=EXPANSION,
            stem=stem,
            dropout=dropout,
            stochastic_depth=stochastic_depth,
            output_stride=output_stride,
        )


def res2_bottleneck(
    width: int, scale: int, attention: Callable[[int], nn.Module] | None, place: Place
) -> nn.Module:
    """A Res2 block, which has the stride, between two 1x1 convolutions."""
    part = place.planes * width // PLANES[0]
    stride, dilation = place.step.stride, place.step.first_dilation
    return Bottleneck(
        place.in_channels,
        part * scale,
        EXPANSION * place.planes,
        Res2(part, scale, stride=stride, dilation=dilation, first=place.first),
        stride=stride,
        attention=attention,
        stochastic_depth=place.stochastic_depth,
    )
