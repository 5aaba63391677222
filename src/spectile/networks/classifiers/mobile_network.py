"""What the three MobileNets have in common: a chain of blocks in which any may halve the map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from spectile.networks.classifiers.dilation import BlockStep
from spectile.networks.classifiers.feature_stages import FeatureStage
from spectile.networks.classifiers.network_input import entered
from spectile.networks.classifying import Classifying

STEM_STRIDE = 2
FINEST_STRIDE = 4
"""Maps finer than this are not among the features."""


def round_channels(channels: float, least: float = 0.9) -> int:
    """The multiple of 8 next to `channels`, the higher one if it would lose more than a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= least * channels else rounded + 8


class MobileNetwork(Classifying):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `blocks` stand behind the stem and take `steps`, of which `strides` says where a stage begins;
    `channels` come out of each. `tail` follows the last block; `classifier` takes (N, C) means of
    its map, and its last layer `num_features`. The last stage's features are those behind `tail` if
    `tail_channels` are given.
    """

    stages: tuple[FeatureStage, ...]

    def __init__(
        self,
        stem: nn.Module,
        blocks: Sequence[nn.Module],
        tail: nn.Module,
        classifier: nn.Sequential,
        *,
        bands: int,
        classes: int,
        num_features: int,
        strides: Sequence[int],
        steps: Sequence[BlockStep],
        channels: Sequence[int],
        tail_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.tail = tail
        self.classifier = classifier
        self.bands, self.classes, self.num_features = bands, classes, num_features
        self.ends = stage_ends(strides)
        self.features_tail = tail_channels is not None
        stages = [FeatureStage(channels[end], steps[end].reached) for end in self.ends]
        if tail_channels is not None:
            stages[-1] = FeatureStage(tail_channels, stages[-1].stride)
        self.stages = tuple(stages)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps (N, bands, H, W) to the last map of each stage, see `stages`."""
        x = self.stem(entered(x, self.bands))
        maps = []
        for index, block in enumerate(self.blocks):
            x = self.through(block, x)
            if index in self.ends:
                maps.append(x)
        if self.features_tail:
            maps[-1] = self.tail(x)
        return tuple(maps)

    def forward_features(self, x: Tensor) -> Tensor:
        """Maps (N, bands, H, W) to the map behind the tail, (N, C, H / stride, W / stride)."""
        x = self.stem(entered(x, self.bands))
        for block in self.blocks:
            x = self.through(block, x)
        last: Tensor = self.tail(x)
        return last

    def forward_head(self, x: Tensor) -> Tensor:
        """Maps the map behind the tail to logits (N, classes)."""
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


def stage_ends(strides: Sequence[int]) -> tuple[int, ...]:
    """The last block of each stage, from stride 4 on; a block with stride 2 begins a stage."""
    ends = []
    nominal = STEM_STRIDE
    for index, stride in enumerate(strides):
        nominal *= stride
        last = index + 1 == len(strides) or strides[index + 1] > 1
        if last and nominal >= FINEST_STRIDE:
            ends.append(index)
    return tuple(ends)
