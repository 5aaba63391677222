"""What ResNet, SKNet and Res2Net have in common: stem, four stages of residual blocks, classifier.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, table 1; section
4.2 for the stem for small images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.stochastic_depth import depth_rates
from spectile.errors import InputError
from spectile.networks.arguments import check_sizes
from spectile.networks.classifiers.dilation import BlockStep, dilate
from spectile.networks.classifiers.feature_stages import FeatureStage
from spectile.networks.classifiers.network_input import entered
from spectile.networks.classifying import Classifying, last_linear

Stem = Literal["imagenet", "cifar"]
STEM_CHANNELS = 64
PLANES = (64, 128, 256, 512)
"""Channels of the 3x3 convolutions in each stage, where nothing widens them."""


@dataclass(frozen=True)
class Place:
    """Where a residual block stands."""

    in_channels: int
    planes: int
    step: BlockStep
    first: bool
    """Whether it opens its stage."""
    stochastic_depth: float


class ResidualNetwork(Classifying):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `blocks` counts the blocks of each stage, `block` builds one whose output has `expansion` times
    its planes as channels. The stem "imagenet" is a 7x7 convolution and a max-pooling, stride 4 in
    all; "cifar", for small images, a 3x3 convolution with stride 1. `dropout` acts before the
    classifier; `stochastic_depth` is the rate of the last block, the others' grow towards it.

    Raises InputError for bands or classes below 1, an unknown stem or output stride.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        *,
        blocks: Sequence[int],
        block: Callable[[Place], nn.Module],
        expansion: int,
        stem: Stem,
        dropout: float,
        stochastic_depth: float,
        output_stride: int,
    ) -> None:
        super().__init__()
        check_sizes(type(self).__name__, bands, classes)
        self.stem, self.pool, stem_stride = build_stem(stem, bands)
        strides = [
            2 if stage and not index else 1 for stage in range(4) for index in range(blocks[stage])
        ]
        steps = iter(dilate(strides, stem_stride=stem_stride, output_stride=output_stride))
        rates = iter(depth_rates(sum(blocks), stochastic_depth))
        channels = STEM_CHANNELS
        self.layers = nn.ModuleList()
        stages = []
        for planes, count in zip(PLANES, blocks, strict=True):
            layer = nn.Sequential()
            for index in range(count):
                step = next(steps)
                layer.append(block(Place(channels, planes, step, index == 0, next(rates))))
                channels = expansion * planes
            self.layers.append(layer)
            stages.append(FeatureStage(channels, step.reached))
        self.stages = tuple(stages)
        self.bands, self.classes, self.num_features = bands, classes, channels
        self.dropout = nn.Dropout(dropout)
        self.classifier = last_linear(channels, classes)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps (N, bands, H, W) to the maps of the four stages, see `stages`."""
        x = self.pool(self.stem(entered(x, self.bands)))
        maps = []
        for layer in self.layers:
            x = self.through(layer, x)
            maps.append(x)
        return tuple(maps)

    def forward_features(self, x: Tensor) -> Tensor:
        """Maps (N, bands, H, W) to the last map, (N, num_features, H / stride, W / stride)."""
        x = self.pool(self.stem(entered(x, self.bands)))
        for layer in self.layers:
            x = self.through(layer, x)
        return x

    def forward_head(self, x: Tensor) -> Tensor:
        """Maps the last map to logits (N, classes)."""
        logits: Tensor = self.classifier(self.dropout(x.mean((2, 3))))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


def build_stem(stem: Stem, bands: int) -> tuple[nn.Module, nn.Module, int]:
    """The stem's convolution, its pooling and the stride of both."""
    if stem == "imagenet":
        return ConvNormAct(bands, STEM_CHANNELS, 7, stride=2), nn.MaxPool2d(3, 2, padding=1), 4
    if stem == "cifar":
        return ConvNormAct(bands, STEM_CHANNELS, 3), nn.Identity(), 1
    raise InputError(f"There is no stem called {stem!r}: choose 'imagenet' or 'cifar'.")
