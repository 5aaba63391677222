"""In which order a map's values lie in memory where the networks run fastest."""

from __future__ import annotations

import torch
from torch import Tensor


def fastest(x: Tensor) -> Tensor:
    """(N, C, H, W) laid out for the device that it is on.

    The CPU's convolutions are up to a quarter faster with the channels innermost, and what follows
    keeps that order. On a GPU it depends on the precision: there `x` stays as it is given.
    """
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x
