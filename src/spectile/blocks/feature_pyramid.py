"""Feature pyramid: maps of several strides, each of which knows what the coarser ones do.

Lin, Dollár, Girshick, He, Hariharan and Belongie, "Feature Pyramid Networks for Object Detection",
CVPR 2017, section 3; the levels beyond the backbone's are those of Tian et al., "FCOS", ICCV 2019,
section 3.2: strided convolutions on the last level.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F


class FeaturePyramid(nn.Module):
    """Maps of strides s, 2s, 4s … to `levels` maps (N, channels, H, W) of strides s, 2s, 4s ….

    `in_channels` are those of the backbone's maps, the finest first; there may be more or fewer of
    them than levels. Each map is half as high and wide as the one before, rounded up.

    Raises ValueError for no map, no level or no channel.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 256, levels: int = 5) -> None:
        super().__init__()
        if not in_channels or min(*in_channels, channels, levels) < 1:
            raise ValueError(
                "a feature pyramid needs at least one map, level and channel, not "
                f"{levels} levels of {channels} channels on maps of {tuple(in_channels)}."
            )
        own = min(levels, len(in_channels))
        self.lateral = nn.ModuleList(nn.Conv2d(count, channels, 1) for count in in_channels)
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(own))
        self.coarser = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(levels - own)
        )
        for layer in (*self.lateral, *self.smooth, *self.coarser):
            nn.init.kaiming_uniform_(layer.weight, a=1)
            nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        sums = [layer(x) for layer, x in zip(self.lateral, maps, strict=True)]
        for coarse, fine in pairwise(range(len(sums) - 1, -1, -1)):
            # Twice as large exactly, then cut: cells lie on one another whatever the image's size.
            above = F.interpolate(sums[coarse], scale_factor=2.0, mode="nearest")
            height, width = sums[fine].size(2), sums[fine].size(3)
            sums[fine] = sums[fine] + above[:, :, :height, :width]
        levels = [layer(x) for layer, x in zip(self.smooth, sums, strict=False)]
        for number, layer in enumerate(self.coarser):
            levels.append(layer(F.relu(levels[-1]) if number else levels[-1]))
        return levels
