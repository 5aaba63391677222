"""Expectation-maximisation attention (EMA unit): the map redrawn from a few bases that fit it.

Li, Zhong, Wu, Yang, Lin and Liu, "Expectation-Maximization Attention Networks for Semantic
Segmentation", ICCV 2019, section 3.

Deviation: the gradient runs through the iterations. The authors' code cuts it there, which leaves
their first convolution as it was initialised.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.attention import attention_block
from spectile.blocks.batch_norm import BatchNorm


@attention_block("em")
class ExpectationMaximisation(nn.Module):
    """relu(x + conv(relu(low-rank redrawing of conv(x)))); maps (N, C, H, W) to (N, C, H, W).

    `bases` start each image's iterations. In training they follow the mean of where the images of
    the batch ended, keeping the share `momentum`; in evaluation they stay, so that the result is
    the same every time and for any batch.

    Raises ValueError for a number below 1 and for a momentum outside 0 to 1.
    """

    bases: Tensor

    def __init__(
        self, channels: int, bases: int = 64, iterations: int = 3, momentum: float = 0.9
    ) -> None:
        super().__init__()
        if min(channels, bases, iterations) < 1:
            raise ValueError(
                "expectation-maximisation attention needs at least one channel, basis and "
                f"iteration, not {channels}, {bases} and {iterations}."
            )
        if not 0 <= momentum <= 1:
            raise ValueError(
                "expectation-maximisation attention needs a momentum between 0 and 1, "
                f"not {momentum}."
            )
        self.iterations = iterations
        self.momentum = momentum
        self.enter = nn.Conv2d(channels, channels, 1)
        self.leave = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = BatchNorm(channels)
        for conv in (self.enter, self.leave):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out")
        start = torch.empty(1, channels, bases).normal_(0, math.sqrt(2 / bases))
        self.register_buffer("bases", F.normalize(start, dim=1))

    def _iterate(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Of `positions` (N, C, P) the responsibilities (N, P, K) and bases (N, C, K)."""
        # A copy, since the training step changes the buffer before the gradient needs it.
        bases = self.bases.clone().expand(positions.size(0), -1, -1)
        for _ in range(self.iterations):
            responsibility = torch.softmax(positions.transpose(1, 2) @ bases.to(positions.dtype), 2)
            weight = responsibility / (responsibility.sum(1, keepdim=True) + 1e-6)
            bases = F.normalize(positions @ weight.to(positions.dtype), dim=1, eps=1e-6)
        return responsibility, bases

    def _redraw(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """The redrawing (N, C, P) of `positions` (N, C, P) and its bases (N, C, K)."""
        responsibility, bases = self._iterate(positions)
        return bases @ responsibility.to(bases.dtype).transpose(1, 2), bases

    def place_weights(self, x: Tensor) -> Tensor:
        """How much of each position of maps (N, C, H, W) each basis draws: (N, bases, H, W)."""
        responsibility, _ = self._iterate(self.enter(x).flatten(2))
        return responsibility.transpose(1, 2).reshape(x.size(0), -1, x.size(2), x.size(3))

    def forward(self, x: Tensor) -> Tensor:
        redrawn, bases = self._redraw(self.enter(x).flatten(2))
        if self.training:
            with torch.no_grad():
                mean = bases.mean(0, keepdim=True).to(self.bases.dtype)
                self.bases.lerp_(mean, 1 - self.momentum)
        left = self.leave(torch.relu(redrawn.reshape(x.shape)))
        return torch.relu(x + self.norm(left))
