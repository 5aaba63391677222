"""Classes of unequal frequency."""

from __future__ import annotations

import torch
from torch import Tensor


def rarity(classes: Tensor, count: int) -> Tensor:
    """Weights (count,) inverse to the frequency of class indices (N,), 1 on average over them.

    A class that doesn't occur gets the weight that a single sample would have.
    """
    return rarity_of(torch.bincount(classes, minlength=count))


def rarity_of(counts: Tensor) -> Tensor:
    """The same of the classes' counts (K,)."""
    present = int((counts > 0).sum())
    return int(counts.sum()) / (present * counts.clamp(min=1).float())
