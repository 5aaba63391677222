"""Stochastic depth: in training a residual branch is left out at random, sample by sample.

Huang, Sun, Liu, Sedra and Weinberger, "Deep Networks with Stochastic Depth", ECCV 2016. Deviation:
the branch is scaled up in training rather than down in evaluation, so that evaluation needs no
scale at all.
"""

from __future__ import annotations

from torch import Tensor, nn


class StochasticDepth(nn.Module):
    """Zero a share `rate` of the samples of (N, C, H, W) in training; the rest grows to make up.

    Raises ValueError for a rate below 0 or from 1 on.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"stochastic depth can't drop a share of {rate}: choose 0 to below 1.")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = 1 - self.rate
        return x * x.new_empty((x.shape[0], 1, 1, 1)).bernoulli_(kept).div_(kept)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def depth_rates(blocks: int, last: float) -> list[float]:
    """The paper's linear rule, section 3: the rate of each of `blocks`, growing to `last`."""
    return [last * (index + 1) / blocks for index in range(blocks)]
