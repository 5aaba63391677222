"""Non-local block: every position gathers from every other, weighted by how well the two match.

Wang, Girshick, Gupta and He, "Non-local Neural Networks", CVPR 2018, sections 3.2 and 3.3, in two
dimensions. Unlike timm's the inner width is C/2, keys and values are sub-sampled 2 x 2, and the
match isn't scaled.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.attention import attention_block
from spectile.blocks.batch_norm import BatchNorm

Pairwise = Literal["embedded-gaussian", "dot-product", "concatenation"]


@attention_block("non-local")
class NonLocal(nn.Module):
    """Add to each position a weighted sum over all positions; maps (N, C, H, W) to same.

    `pairwise` is the paper's f: the softmax of theta phi over positions, theta phi / positions, or
    relu(w [theta, phi]) / positions. `subsample` takes the 2 x 2 maximum of keys and values, a
    quarter of the work. The output's batch normalisation starts with gamma 0, so a new block is the
    identity.

    Raises ValueError for less than one channel or an unknown `pairwise`.
    """

    def __init__(
        self,
        channels: int,
        pairwise: Pairwise = "embedded-gaussian",
        subsample: bool = True,
    ) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"a non-local block needs at least one channel, not {channels}.")
        if pairwise not in get_args(Pairwise):
            raise ValueError(
                f"a non-local block can't match positions by {pairwise!r}: "
                f"choose one of {', '.join(get_args(Pairwise))}."
            )
        self.pairwise = pairwise
        self.subsample = subsample
        width = max(channels // 2, 1)
        self.theta = nn.Conv2d(channels, width, 1)
        self.phi = nn.Conv2d(channels, width, 1)
        self.g = nn.Conv2d(channels, width, 1)
        if pairwise == "concatenation":
            # w [theta, phi] falls into a part for each, so the pairs are never concatenated.
            self.theta_score = nn.Linear(width, 1, bias=False)
            self.phi_score = nn.Linear(width, 1, bias=False)
        self.project = nn.Conv2d(width, channels, 1)
        self.norm = BatchNorm(channels)
        nn.init.zeros_(self.norm.weight)

    def _positions(self, x: Tensor, subsample: bool) -> Tensor:
        """Maps (N, C, H, W) to (N, positions, C)."""
        if subsample:
            # A side of one pixel has no pair to take the maximum of.
            x = F.max_pool2d(x, (min(x.size(2), 2), min(x.size(3), 2)))
        return x.flatten(2).transpose(1, 2)

    def _gather(self, theta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
        """The weighted sums (N, positions, C) of `g` (N, keys, C)."""
        if self.pairwise == "embedded-gaussian":
            return F.scaled_dot_product_attention(theta, phi, g, scale=1.0)
        if self.pairwise == "dot-product":
            # (theta phi) g = theta (phi g): no table of positions by positions.
            return theta @ (phi.transpose(1, 2) @ g / g.size(1))
        scores = torch.relu(self.theta_score(theta) + self.phi_score(phi).transpose(1, 2))
        return scores @ g / g.size(1)

    def place_weights(self, x: Tensor) -> Tensor:
        """How much the mean position of maps (N, C, H, W) gathers from each: (N, 1, h, w).

        1 is as much as from all others. With `subsample` a weight is that of 2 x 2 positions.
        """
        theta = self._positions(self.theta(x), False)
        phi = self._positions(self.phi(x), self.subsample)
        if self.pairwise == "concatenation":
            matches = torch.relu(self.theta_score(theta) + self.phi_score(phi).transpose(1, 2))
        else:
            matches = theta @ phi.transpose(1, 2)
        if self.pairwise == "embedded-gaussian":
            matches = matches.softmax(2) * phi.size(1)
        side = 2 if self.subsample else 1
        height, width = (max(1, length // side) for length in (x.size(2), x.size(3)))
        return matches.mean(1).reshape(x.size(0), 1, height, width)

    def forward(self, x: Tensor) -> Tensor:
        gathered = self._gather(
            self._positions(self.theta(x), False),
            self._positions(self.phi(x), self.subsample),
            self._positions(self.g(x), self.subsample),
        )
        shaped = gathered.transpose(1, 2).reshape(x.size(0), -1, x.size(2), x.size(3))
        added: Tensor = self.norm(self.project(shaped))
        return x + added
