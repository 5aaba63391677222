"""MobileNet V1: a chain of depthwise-separable convolutions.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
2017, table 1; the width multiplier alpha of section 3.3 is `width`, the resolution multiplier of
section 3.4 is the size of the image that comes in.

Deviations: ReLU6 as in the authors' code, and widths rounded to multiples of 8, both as in timm.
"""

from __future__ import annotations

from torch import nn

from spectile.blocks.activations import ReLU6
from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.depthwise_separable import DepthwiseSeparable
from spectile.networks.arguments import check_sizes, check_width
from spectile.networks.classifiers.dilation import dilate
from spectile.networks.classifiers.mobile_network import STEM_STRIDE, MobileNetwork, round_channels
from spectile.networks.classifying import last_linear
from spectile.networks.registry import register

STEM_CHANNELS = 32
ROWS = (
    # channels, stride
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)


@register(
    "mobilenet-v1",
    takes="images",
    summary="depthwise-separable convolutions",
    paper="Howard et al. 2017, arXiv:1704.04861",
)
class MobileNetV1(MobileNetwork):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `width` multiplies the channels of every layer; `dropout` acts before the classifier.

    Raises InputError for bands or classes below 1, a width of 0 or less, or an output stride other
    than 8, 16 or 32.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        width: float = 1.0,
        dropout: float = 0.0,
        output_stride: int = 32,
    ) -> None:
        check_sizes("MobileNet V1", bands, classes)
        check_width("MobileNet V1", width)
        strides = [stride for _, stride in ROWS]
        steps = dilate(strides, stem_stride=STEM_STRIDE, output_stride=output_stride)
        stem_channels, *channels = layer_channels(width)
        blocks = [
            DepthwiseSeparable(
                channels_in,
                channels_out,
                stride=step.stride,
                dilation=step.first_dilation,
                activation=ReLU6,
            )
            for channels_in, channels_out, step in zip(
                (stem_channels, *channels), channels, steps, strict=False
            )
        ]
        super().__init__(
            ConvNormAct(bands, stem_channels, stride=STEM_STRIDE, activation=ReLU6),
            blocks,
            nn.Identity(),
            nn.Sequential(nn.Dropout(dropout), last_linear(channels[-1], classes)),
            bands=bands,
            classes=classes,
            num_features=channels[-1],
            strides=strides,
            steps=steps,
            channels=channels,
        )


def layer_channels(width: float) -> tuple[int, ...]:
    """Channels out of the stem and of each block."""
    return tuple(
        round_channels(width * channels)
        for channels in (STEM_CHANNELS, *(channels for channels, _ in ROWS))
    )
