"""What a folder or table of classified images says, before classes become a legend."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectile.data.images.sources import ImageSource


@dataclass(frozen=True, eq=False)
class Listing:
    """Images, the class of each by its name, and the sides that the data themselves give."""

    source: str
    """The path as the user gave it."""
    images: ImageSource
    labels: Sequence[str]
    """The class of each image, N of them."""
    names: tuple[str, ...]
    """The classes in order."""
    sides: NDArray[np.uint8]
    """Sides that are given; images that sides may still be drawn from are for training."""
    keys: Sequence[Hashable]
    """Equal ones mean equal images."""
    notes: tuple[str, ...] = ()
