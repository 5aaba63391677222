"""What follows from how large the objects are: the network's finest level, the crops of a step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectile.data.instances.objects import Objects

SMALL = 32
"""Pixels; what COCO calls a small object has no more than the square of it."""


def are_small(objects: Sequence[Objects]) -> bool:
    """Whether half of the objects that count are small ones."""
    boxes = [box for each in objects for box in each.boxes[~each.ignored].tolist()]
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in boxes]
    return bool(areas) and bool(np.median(areas) < SMALL**2)


def finest_stride_for(objects: Sequence[Objects]) -> int:
    """The option `finest_stride` of BlendMask for training objects: 4 for small ones, else 8.

    The sizes of interest of all levels follow from it.
    """
    return 4 if are_small(objects) else 8


def crop_for(objects: Sequence[Objects]) -> int:
    """Edge of training crops in pixels where a recipe has none: 128 for small objects, else 256.

    It is never more than the largest image's edge. A step on crops of 128 takes a quarter of the
    time, and small objects lie in them as whole as in larger ones.
    """
    largest = max((max(each.height, each.width) for each in objects), default=0)
    return max(1, min(128 if are_small(objects) else 256, largest))
