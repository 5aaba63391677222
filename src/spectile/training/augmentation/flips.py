"""Flips and quarter turns."""

from __future__ import annotations

import torch
from torch import Tensor


def flip_horizontally(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Each image (N, C, H, W) as it is or mirrored left to right, with even chances."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(3), images)


def rotate_and_flip(windows: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Each window (N, C, h, h) in one of the eight flips and quarter turns, drawn at random.

    Seen from above, a field has no up.
    """
    rotated = torch.empty_like(windows)
    drawn = torch.randint(8, (len(windows),), generator=generator).to(windows.device)
    for symmetry in range(8):
        chosen = drawn == symmetry
        view = windows[chosen].rot90(symmetry % 4, (2, 3))
        rotated[chosen] = view.flip(3) if symmetry >= 4 else view
    return rotated
