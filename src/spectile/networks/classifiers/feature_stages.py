"""What a backbone says of its feature maps: channels and stride of every stage, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class FeatureStage:
    """One map of a backbone: how many channels, and how many input pixels one step spans."""

    channels: int
    stride: int


class Backbone(Protocol):
    """A network whose maps a segmentation head can stand on."""

    @property
    def stages(self) -> tuple[FeatureStage, ...]:
        """Channels and stride of each map of `features`, the finest first."""

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps (N, bands, H, W) to one map a stage, each (N, channels, ceil(H / stride), …)."""
