"""What the three MobileNets have in common: a chain of blocks in which any may halve the map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from spectile.networks.dilation import Step
from spectile.networks.features import FeatureStage
from spectile.networks.layout import fastest

STEM_STRIDE = 2
FINEST_STRIDE = 4
"""Maps finer than this are not among the features."""


def round_channels(channels: float, least: float = 0.9) -> int:
    """The multiple of 8 next to `channels`, the higher one if it would lose more than a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= least * channels else rounded + 8


class MobileNetwork(nn.Module):
    """Classify images: (N, bands, H, W) of any size to logits (N, classes).

    `blocks` stand behind the stem and take `steps`, of which `strides` says where a stage begins;
    `channels` come out of each. `tail` follows the last block; `classifier` takes (N, C) means of
    its map. The last stage's features are those behind `tail` if `tail_channels` are given.
    """

    stages: tuple[FeatureStage, ...]

    def __init__(
        self,
        stem: nn.Module,
        blocks: Sequence[nn.Module],
        tail: nn.Module,
        classifier: nn.Module,
        *,
        strides: Sequence[int],
        steps: Sequence[Step],
        channels: Sequence[int],
        tail_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.tail = tail
        self.classifier = classifier
        self.ends = stage_ends(strides)
        self.features_tail = tail_channels is not None
        stages = [FeatureStage(channels[end], steps[end].reached) for end in self.ends]
        if tail_channels is not None:
            stages[-1] = FeatureStage(tail_channels, stages[-1].stride)
        self.stages = tuple(stages)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps (N, bands, H, W) to the last map of each stage, see `stages`."""
        x = self.stem(fastest(x))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.ends:
                maps.append(x)
        if self.features_tail:
            maps[-1] = self.tail(x)
        return tuple(maps)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(fastest(x))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.classifier(self.tail(x).mean((2, 3)))
        return logits


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
