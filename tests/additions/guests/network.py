"""A window network with a place for attention."""

from __future__ import annotations

from torch import Tensor, nn

from spectile.blocks import attention as block_named
from spectile.networks import register


@register("guest-net", takes="windows", summary="one convolution", paper="none")
class GuestNet(nn.Module):
    """A convolution, attention, the mean over the window, a linear layer."""

    def __init__(
        self, bands: int, classes: int, *, window: int = 9, attention: str | None = None
    ) -> None:
        super().__init__()
        self.window = window
        self.trunk = nn.Conv2d(bands, 16, min(3, window))
        self.attention = block_named(attention)(16) if attention else nn.Identity()
        self.head = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, bands, window, window) to logits (N, classes)."""
        features = self.attention(self.trunk(x).relu())
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits
