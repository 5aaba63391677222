"""Mapping patch by patch: the plain way, one window a pixel. The reference for every faster one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BATCH = 32
"""Windows a batch; on CPUs the fastest of 8 to 256 for HybridSN."""


class PatchByPatch(nn.Module):
    """Runs a window network on every window of a scene, as :func:`mapping.dense.densify` does.

    Maps (1, bands, H + h - 1, W + w - 1) to (1, classes, H, W).
    """

    def __init__(self, network: nn.Module, window: tuple[int, int], batch: int = BATCH) -> None:
        super().__init__()
        self.network = network
        self.window = window
        self.batch = batch

    def forward(self, x: Tensor) -> Tensor:
        windows = x[0].unfold(1, self.window[0], 1).unfold(2, self.window[1], 1)
        height, width = windows.shape[1:3]
        logits = []
        for pixels in torch.split(torch.arange(height * width, device=x.device), self.batch):
            rows = torch.div(pixels, width, rounding_mode="floor")
            logits.append(self.network(windows[:, rows, pixels % width].transpose(0, 1)))
        return torch.cat(logits).T.reshape(1, -1, height, width)
