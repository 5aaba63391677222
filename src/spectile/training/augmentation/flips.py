"""Flips and rotations by quarter turns."""

from __future__ import annotations

import torch
from torch import Tensor


def flip_horizontally(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Images (N, C, H, W), each mirrored left to right with a probability of one half."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(3), images)


def rotate_and_flip(windows: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Windows (N, C, h, h), each rotated and flipped at random, in one of the eight ways.

    For images from above, where a field has no upper side.
    """
    rotated = torch.empty_like(windows)
    drawn = torch.randint(8, (len(windows),), generator=generator).to(windows.device)
    for symmetry in range(8):
        chosen = drawn == symmetry
        view = windows[chosen].rot90(symmetry % 4, (2, 3))
        rotated[chosen] = view.flip(3) if symmetry >= 4 else view
    return rotated
