"""Selective kernel: branches with kernels of different size, weighted by what the map shows.

Li, Wang, Hu and Yang, "Selective Kernel Networks", CVPR 2019, section 3.1. The maps of all branches
are summed and squeezed to one value a channel; from it each channel gets weights that are a softmax
over the branches: `split`, `fuse` and `select` of the paper.

Deviation: the branches' maps are never stacked. The squeeze of their sum is the sum of their
squeezes, and a1 * u1 + a2 * u2 is accumulated branch by branch, so that training keeps one map less
a branch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.conv_norm_act import ConvNormAct


class SelectiveKernel(nn.Module):
    """Maps (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride)).

    - `kernels`: one branch for each size, all odd. With `dilated` they are 3x3 kernels spread over
      that size, as in SKNet; without, real kernels of that size.
    - `groups` of every branch's convolution: the paper's 32, or where the channels don't allow it
      the largest divisor that both have in common.
    - The fused vector has max(channels / reduction, floor) values.
    - `fusion`: "paper" has BatchNorm and ReLU on the fused vector and no biases; "simple" has plain
      layers with biases, also in the branches.

    Raises ValueError for no branch, an even kernel, groups that don't divide the channels, a
    reduction or floor below 1 and an unknown fusion.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernels: Sequence[int] = (3, 5),
        dilated: bool = True,
        stride: int = 1,
        dilation: int = 1,
        groups: int | None = None,
        reduction: int = 16,
        floor: int = 32,
        fusion: Literal["paper", "simple"] = "paper",
    ) -> None:
        super().__init__()
        if not kernels or any(kernel < 1 or kernel % 2 == 0 for kernel in kernels):
            raise ValueError(
                f"selective kernel needs odd kernel sizes, one a branch, not {list(kernels)}."
            )
        if reduction < 1 or floor < 1:
            raise ValueError(
                f"selective kernel can't reduce by {reduction} down to {floor} values: "
                "choose both from 1 on."
            )
        if fusion not in ("paper", "simple"):
            raise ValueError(f"there is no fusion called {fusion!r}: choose 'paper' or 'simple'.")
        simple = fusion == "simple"
        self.branches = nn.ModuleList(
            ConvNormAct(
                channels,
                channels,
                min(kernel, 3) if dilated else kernel,
                stride=stride,
                dilation=dilation * max(1, kernel // 2) if dilated else dilation,
                groups=math.gcd(channels, 32) if groups is None else groups,
                bias=simple,
            )
            for kernel in kernels
        )
        self.rings = [dilation * (kernel // 2) for kernel in kernels]
        """Pixels beside the one in the middle that each branch sees."""
        self.unpadded = False
        """Whether the branches take rings off the map: all as many as the largest kernel."""
        fused = max(channels // reduction, floor)
        self.fuse = nn.Conv2d(channels, fused, 1) if simple else ConvNormAct(channels, fused, 1)
        self.select = nn.Conv2d(fused, len(kernels) * channels, 1, bias=simple)
        # Small, so that no branch is shut out before anything is learnt.
        nn.init.normal_(self.select.weight, std=math.sqrt(2 / self.select.out_channels))

    def weights(self, maps: Sequence[Tensor]) -> Tensor:
        """Weights (branches, N, C, 1, 1), 1 in sum over the branches, of maps (N, C, H, W) each."""
        dtype = maps[0].dtype
        precise = torch.promote_types(dtype, torch.float32)
        # Sums, divided later: a mean's gradient would be written out as a whole map.
        sums = [u.sum((2, 3), keepdim=True, dtype=precise) for u in maps]
        squeezed = sum(sums[1:], sums[0]) / (maps[0].shape[2] * maps[0].shape[3])
        return self.chosen(self.select(self.fuse(squeezed.to(dtype)))).to(dtype)

    def chosen(self, scores: Tensor) -> Tensor:
        """Weights (branches, N, C, 1, 1) of what `select` gives: (N, branches x C, 1, 1)."""
        by_branch = scores.reshape(scores.size(0), len(self.branches), -1, 1, 1)
        return by_branch.softmax(1).transpose(0, 1)

    def seen(self, x: Tensor, branch: int) -> Tensor:
        """What a branch gets, so that its map lies where that of the largest kernel does."""
        widest = max(self.rings)
        if not self.unpadded:
            return x
        rings = [
            widest - self.rings[branch] if size > 2 * widest else -self.rings[branch]
            for size in (x.shape[3], x.shape[2])
        ]
        # Negative padding crops.
        return F.pad(x, [-ring for ring in rings for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        maps = [branch(self.seen(x, place)) for place, branch in enumerate(self.branches)]
        weights = self.weights(maps)
        selected: Tensor = maps[0] * weights[0]
        for branch in range(1, len(maps)):
            selected = selected.addcmul_(maps[branch], weights[branch])
        return selected
