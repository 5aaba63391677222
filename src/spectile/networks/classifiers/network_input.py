"""What comes into a network: its bands checked, its values in the order that is the fastest."""

from __future__ import annotations

import torch
from torch import Tensor

from spectile.blocks.tracing import followed
from spectile.errors import InputError


def entered(x: Tensor, bands: int) -> Tensor:
    """(N, bands, H, W) laid out for the device that it is on.

    The CPU's convolutions are up to a quarter faster with the channels innermost, and what follows
    keeps that order. On a GPU it depends on the precision: there `x` stays as it is given.

    Raises InputError for anything but four axes and `bands` bands.
    """
    if followed(x):
        return x
    if x.dim() != 4 or x.shape[1] != bands:
        raise InputError(
            f"this network takes images (N, {bands}, H, W), not {tuple(x.shape)}: create it with "
            "the bands of its input, or adapt its weights with adapt_bands."
        )
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x
