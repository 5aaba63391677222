"""SKNet: a ResNeXt whose 3x3 convolutions select their kernel's size.

Li, Wang, Hu and Yang, "Selective Kernel Networks", CVPR 2019, table 1 and section 4: M = 2, G = 32,
r = 16, L = 32, the larger kernel realised by dilation. SKNet-50 is timm's skresnext50_32x4d.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from torch import nn

from spectile.blocks.residual import Bottleneck
from spectile.blocks.selective_kernel import SelectiveKernel
from spectile.errors import InputError
from spectile.networks.arguments import Attention, attention_builder
from spectile.networks.classifiers.residual_network import Place, ResidualNetwork, Stem
from spectile.networks.registry import register

named = partial(register, takes="images", paper="Li et al. 2019, arXiv:1903.06586")
BLOCKS = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
WIDENING = 2
"""Channels of the selective kernels for one of ResNet's planes: 32 groups of 4 for 64."""
EXPANSION = 4


@named("sknet-26", summary="8 bottlenecks that select kernel sizes", depth=26)
@named("sknet-50", summary="16 bottlenecks that select kernel sizes", depth=50)
@named("sknet-101", summary="33 bottlenecks that select kernel sizes", depth=101)
class SKNet(ResidualNetwork):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `kernels`, `groups` and `reduction` are those of
    :class:`~spectile.blocks.selective_kernel.SelectiveKernel`; `attention` acts in every residual
    block before the addition. For the other options see
    :class:`~spectile.networks.classifiers.residual_network.ResidualNetwork`.

    Raises InputError for a depth that the paper doesn't have, too.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        depth: Literal[26, 50, 101] = 50,
        kernels: Sequence[int] = (3, 5),
        groups: int = 32,
        reduction: int = 16,
        stem: Stem = "imagenet",
        attention: Attention = None,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
        output_stride: int = 32,
    ) -> None:
        if depth not in BLOCKS:
            raise InputError(f"There is no SKNet-{depth}: choose {', '.join(map(str, BLOCKS))}.")
        kernel = partial(SelectiveKernel, kernels=kernels, groups=groups, reduction=reduction)
        super().__init__(
            bands,
            classes,
            blocks=BLOCKS[depth],
            block=partial(selective_bottleneck, kernel, attention_builder(attention)),
            expansion=EXPANSION,
            stem=stem,
            dropout=dropout,
            stochastic_depth=stochastic_depth,
            output_stride=output_stride,
        )


def selective_bottleneck(
    kernel: Callable[..., SelectiveKernel],
    attention: Callable[[int], nn.Module] | None,
    place: Place,
) -> nn.Module:
    """A selective kernel, which has the stride, between two 1x1 convolutions."""
    width = WIDENING * place.planes
    stride, dilation = place.step.stride, place.step.first_dilation
    return Bottleneck(
        place.in_channels,
        width,
        EXPANSION * place.planes,
        kernel(width, stride=stride, dilation=dilation),
        stride=stride,
        attention=attention,
        stochastic_depth=place.stochastic_depth,
    )
