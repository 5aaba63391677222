"""MobileNet V2: inverted residuals with linear bottlenecks.

Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018, table 2; widths below 1 leave the last convolution at 1280 channels (section 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from spectile.blocks.activations import ReLU6
from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.inverted_residual import InvertedResidual
from spectile.blocks.stochastic_depth import depth_rates
from spectile.errors import InputError
from spectile.networks.arguments import Attention, attention_builder, check_sizes, check_width
from spectile.networks.classifiers.dilation import dilate
from spectile.networks.classifiers.mobile_network import STEM_STRIDE, MobileNetwork, round_channels
from spectile.networks.classifying import last_linear
from spectile.networks.registry import register

STEM_CHANNELS = 32
TAIL_CHANNELS = 1280


@dataclass(frozen=True)
class Row:
    """A line of table 2; the stride is that of the first of `repeats` blocks."""

    expansion: int
    channels: int
    repeats: int
    stride: int


ROWS = (
    Row(1, 16, 1, 1),
    Row(6, 24, 2, 2),
    Row(6, 32, 3, 2),
    Row(6, 64, 4, 2),
    Row(6, 96, 3, 1),
    Row(6, 160, 3, 2),
    Row(6, 320, 1, 1),
)


@register(
    "mobilenet-v2",
    takes="images",
    summary="inverted residuals with linear bottlenecks",
    paper="Sandler et al. 2018, arXiv:1801.04381",
)
class MobileNetV2(MobileNetwork):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `width` multiplies the channels of every layer. `depth` multiplies the repeats of all rows but
    the first and the last, rounded up; with a depth other than 1 the stem and the last convolution
    keep their channels, as in timm's mobilenetv2_110d and 120d. `attention` acts on the expanded
    channels, behind the depthwise convolution. `dropout` acts before the classifier;
    `stochastic_depth` is the rate of the last block, the others' grow towards it.

    Raises InputError for bands or classes below 1, a width or depth of 0 or less, or an output
    stride other than 8, 16 or 32.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        width: float = 1.0,
        depth: float = 1.0,
        attention: Attention = None,
        dropout: float = 0.2,
        stochastic_depth: float = 0.0,
        output_stride: int = 32,
    ) -> None:
        check_sizes("MobileNet V2", bands, classes)
        check_width("MobileNet V2", width)
        rows = repeated_rows(depth)
        strides = [row.stride for row in rows]
        steps = dilate(strides, stem_stride=STEM_STRIDE, output_stride=output_stride)
        stem, *channels, tail = layer_channels(width, depth)
        rates = depth_rates(len(rows), stochastic_depth)
        blocks = [
            InvertedResidual(
                channels_in,
                channels_out,
                expanded=row.expansion * channels_in,
                stride=step.stride,
                dilation=step.first_dilation,
                attention=attention_builder(attention),
                stochastic_depth=rate,
            )
            for channels_in, channels_out, row, step, rate in zip(
                (stem, *channels[:-1]), channels, rows, steps, rates, strict=True
            )
        ]
        super().__init__(
            ConvNormAct(bands, stem, stride=STEM_STRIDE, activation=ReLU6),
            blocks,
            ConvNormAct(channels[-1], tail, 1, activation=ReLU6),
            nn.Sequential(nn.Dropout(dropout), last_linear(tail, classes)),
            bands=bands,
            classes=classes,
            num_features=tail,
            strides=strides,
            steps=steps,
            channels=channels,
        )


def repeated_rows(depth: float) -> list[Row]:
    """One row a block, repeated `depth` times as often as in the paper."""
    if not depth > 0:
        raise InputError(f"MobileNet V2 can't have a depth of {depth}: choose a number above 0.")
    rows = []
    for row in ROWS:
        middle = row not in (ROWS[0], ROWS[-1])
        repeats = math.ceil(depth * row.repeats) if middle else row.repeats
        rows += [row] + [Row(row.expansion, row.channels, 1, 1)] * (repeats - 1)
    return rows


def layer_channels(width: float, depth: float = 1.0) -> tuple[int, ...]:
    """Channels out of the stem, of each block and of the last convolution."""
    ends_width = width if depth == 1 else 1.0
    return (
        round_channels(ends_width * STEM_CHANNELS),
        *(round_channels(width * row.channels) for row in repeated_rows(depth)),
        round_channels(max(1.0, ends_width) * TAIL_CHANNELS),
    )
