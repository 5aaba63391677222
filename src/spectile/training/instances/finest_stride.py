"""How fine the finest level of a network of instances has to be for the objects there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectile.data.instances.objects import Objects

FINE, COARSE = 4, 8
SMALL = 32.0
"""Pixels; what COCO calls a small object has no more than the square of it."""


def finest_stride_for(objects: Sequence[Objects]) -> int:
    """The option `finest_stride` of BlendMask: 4 if half of the training objects are small, else 8.

    The sizes of interest of all levels follow from it.
    """
    boxes = [box for each in objects for box in each.boxes[~each.ignored].tolist()]
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in boxes]
    return FINE if areas and np.median(areas) < SMALL**2 else COARSE
