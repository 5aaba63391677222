"""An attention block."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectile.blocks import attention_block


@attention_block("guest-gate")
class GuestGate(nn.Module):
    """Each channel times a number between 0 and 1 that is learnt."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        return x * self.gate.sigmoid()
