"""MobileNet V3, Large and Small: inverted residuals with squeeze-and-excitation and h-swish.

Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 and 2, sections 5.1 to 5.3. Widths
other than 1 are not in the paper and programs differ: see `scaling`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import nn
from torch.nn import functional as F

from spectile.blocks.activations import HardSwish
from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.inverted_residual import InvertedResidual
from spectile.blocks.squeeze_excitation import SqueezeExcitation
from spectile.blocks.stochastic_depth import depth_rates
from spectile.errors import InputError
from spectile.networks.arguments import Attention, attention_builder, check_sizes, check_width
from spectile.networks.classifiers.dilation import dilate
from spectile.networks.classifiers.mobile_network import STEM_STRIDE, MobileNetwork, round_channels
from spectile.networks.classifying import last_linear
from spectile.networks.registry import register

named = partial(register, takes="images", paper="Howard et al. 2019, arXiv:1905.02244")
ChannelScaling = Literal["timm", "torchvision"]
SCALINGS: tuple[ChannelScaling, ...] = ("timm", "torchvision")

STEM_CHANNELS = 16
TAIL_EXPANSION = 6
EPS, MOMENTUM = 1e-3, 0.01
"""Of the batch normalisations, section 6.1.1."""


@dataclass(frozen=True)
class Row:
    """A line of table 1 or 2."""

    kernel: int
    expanded: int
    channels: int
    attention: bool
    activation: type[nn.Module]
    stride: int


RE, HS = nn.ReLU, HardSwish
LARGE = (
    Row(3, 16, 16, False, RE, 1),
    Row(3, 64, 24, False, RE, 2),
    Row(3, 72, 24, False, RE, 1),
    Row(5, 72, 40, True, RE, 2),
    Row(5, 120, 40, True, RE, 1),
    Row(5, 120, 40, True, RE, 1),
    Row(3, 240, 80, False, HS, 2),
    Row(3, 200, 80, False, HS, 1),
    Row(3, 184, 80, False, HS, 1),
    Row(3, 184, 80, False, HS, 1),
    Row(3, 480, 112, True, HS, 1),
    Row(3, 672, 112, True, HS, 1),
    Row(5, 672, 160, True, HS, 2),
    Row(5, 960, 160, True, HS, 1),
    Row(5, 960, 160, True, HS, 1),
)
SMALL = (
    Row(3, 16, 16, True, RE, 2),
    Row(3, 72, 24, False, RE, 2),
    Row(3, 88, 24, False, RE, 1),
    Row(5, 96, 40, True, HS, 2),
    Row(5, 240, 40, True, HS, 1),
    Row(5, 240, 40, True, HS, 1),
    Row(5, 120, 48, True, HS, 1),
    Row(5, 144, 48, True, HS, 1),
    Row(5, 288, 96, True, HS, 2),
    Row(5, 576, 96, True, HS, 1),
    Row(5, 576, 96, True, HS, 1),
)
ROWS = {"large": LARGE, "small": SMALL}
HIDDEN = {"large": 1280, "small": 1024}
"""Width of the Linear before the classifier."""


def squeeze_excitation(channels: int) -> nn.Module:
    """Section 5.3: the gate's inner width is a quarter, its sigmoid a hard one."""
    return SqueezeExcitation(channels, width=round_channels(channels / 4), sigmoid=F.hardsigmoid)


@named(
    "mobilenet-v3-large", summary="inverted residuals with gated channels and h-swish", size="large"
)
@named("mobilenet-v3-small", summary="the same with fewer blocks and channels", size="small")
class MobileNetV3(MobileNetwork):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `width` multiplies the channels. With `scaling` "timm" the Linear before the classifier keeps
    its width, a block's expanded channels are a multiple of those that come in, and below a width
    of 0.75 the stem keeps its 16; with "torchvision" all layers scale alike. `attention` replaces
    squeeze-and-excitation where the paper has it. `dropout` acts before the classifier;
    `stochastic_depth` is the rate of the last block, the others' grow towards it.

    Raises InputError for bands or classes below 1, a width of 0 or less, an unknown size or
    scaling, or an output stride other than 8, 16 or 32.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        size: Literal["large", "small"] = "large",
        width: float = 1.0,
        scaling: ChannelScaling = "timm",
        attention: Attention = squeeze_excitation,
        dropout: float = 0.2,
        stochastic_depth: float = 0.0,
        output_stride: int = 32,
    ) -> None:
        check_sizes("MobileNet V3", bands, classes)
        check_width("MobileNet V3", width)
        if size not in ROWS:
            raise InputError(f"There is no MobileNet V3 {size!r}: choose 'large' or 'small'.")
        if scaling not in SCALINGS:
            raise InputError(f"There is no scaling {scaling!r}: choose 'timm' or 'torchvision'.")
        rows = ROWS[size]
        strides = [row.stride for row in rows]
        steps = dilate(strides, stem_stride=STEM_STRIDE, output_stride=output_stride)
        widths = layer_widths(size, width, scaling)
        build_attention = attention_builder(attention)
        channels_in = (widths.stem, *widths.channels[:-1])
        blocks = [
            InvertedResidual(
                channels_in[index],
                widths.channels[index],
                expanded=widths.expanded[index],
                kernel=row.kernel,
                stride=steps[index].stride,
                dilation=steps[index].first_dilation,
                activation=row.activation,
                attention=build_attention if row.attention else None,
                stochastic_depth=rate,
                eps=EPS,
                momentum=MOMENTUM,
            )
            for index, (row, rate) in enumerate(
                zip(rows, depth_rates(len(rows), stochastic_depth), strict=True)
            )
        ]
        conv: Callable[..., nn.Module] = partial(
            ConvNormAct, activation=HardSwish, eps=EPS, momentum=MOMENTUM
        )
        super().__init__(
            conv(bands, widths.stem, stride=STEM_STRIDE),
            blocks,
            conv(widths.channels[-1], widths.tail, 1),
            nn.Sequential(
                nn.Linear(widths.tail, widths.hidden),
                nn.Hardswish(),
                nn.Dropout(dropout),
                last_linear(widths.hidden, classes),
            ),
            bands=bands,
            classes=classes,
            num_features=widths.hidden,
            strides=strides,
            steps=steps,
            channels=widths.channels,
            tail_channels=widths.tail,
        )


@dataclass(frozen=True)
class Widths:
    """Channels of every layer."""

    stem: int
    channels: tuple[int, ...]
    expanded: tuple[int, ...]
    tail: int
    hidden: int


def layer_widths(size: str, width: float, scaling: ChannelScaling) -> Widths:
    """How many channels the layers have with a width multiplier."""
    rows = ROWS[size]
    channels = tuple(round_channels(width * row.channels) for row in rows)
    if scaling == "torchvision":
        return Widths(
            round_channels(width * STEM_CHANNELS),
            channels,
            tuple(round_channels(width * row.expanded) for row in rows),
            TAIL_EXPANSION * channels[-1],
            round_channels(width * HIDDEN[size]),
        )
    stem = round_channels(width * STEM_CHANNELS) if width >= 0.75 else STEM_CHANNELS
    paper_in = (STEM_CHANNELS, *(row.channels for row in rows))
    expanded = tuple(
        round_channels(channels_in * row.expanded / paper)
        for channels_in, row, paper in zip((stem, *channels), rows, paper_in, strict=False)
    )
    return Widths(
        stem,
        channels,
        expanded,
        round_channels(width * TAIL_EXPANSION * rows[-1].channels),
        HIDDEN[size],
    )
