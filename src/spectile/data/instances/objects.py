"""The objects of one image, as training and scoring take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Objects:
    """N objects in an image of `height` x `width` pixels; masks may overlap."""

    height: int
    width: int
    classes: NDArray[np.int64]
    """Of each object, from 0; shape (N,)."""
    boxes: NDArray[np.int64]
    """Left, top, right and bottom in pixels, right and bottom not included; shape (N, 4)."""
    masks: Sequence[Mask]
    """Which pixels of its box an object has, each (bottom - top, right - left)."""
    ignored: NDArray[np.bool_]
    """Crowds, and objects cut by a border between sides: neither found nor missed; shape (N,)."""

    def __post_init__(self) -> None:
        left, top, right, bottom = self.boxes.reshape(-1, 4).T
        if not len(self.classes) == len(self.boxes) == len(self.masks) == len(self.ignored):
            raise ValueError("classes, boxes, masks and ignored are of one length")
        if (left < 0).any() or (top < 0).any() or (right <= left).any() or (bottom <= top).any():
            raise ValueError("a box has at least one pixel, from 0 on")
        if (right > self.width).any() or (bottom > self.height).any():
            raise ValueError("a box lies within the image")
        sizes = [mask.shape for mask in self.masks]
        if sizes != list(zip((bottom - top).tolist(), (right - left).tolist(), strict=True)):
            raise ValueError("a mask is as large as its box")

    def __len__(self) -> int:
        return len(self.classes)

    @classmethod
    def of_numbers(cls, numbers: NDArray[np.integer], classes: Sequence[int] | None = None) -> Self:
        """The objects of an image (H, W) that has a number above 0 for the pixels of each.

        `classes` are theirs in the order of the numbers, from 0; by default all are of class 0.
        """
        height, width = numbers.shape
        found, places = np.unique(numbers, return_inverse=True)
        ordered = places.reshape(height, width).astype(np.int64)
        first = int(np.searchsorted(found, 0, side="right"))  # of the numbers above 0
        boxes, masks = [], []
        for place, box in enumerate(find_objects(ordered + 1 - first, len(found) - first), first):
            rows, columns = box
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
            masks.append(ordered[box] == place)
        count = len(boxes)
        return cls(
            height,
            width,
            np.zeros(count, np.int64) if classes is None else np.asarray(classes, np.int64),
            np.array(boxes, np.int64).reshape(count, 4),
            masks,
            np.zeros(count, np.bool_),
        )
