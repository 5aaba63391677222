"""Squares of a scene whose test pixels are one witness together.

Pixels of one field share soil, crop, sensor line and most of their windows: they are right or wrong
together, and a thousand of them tell little more than one. What is resampled to see how far a score
would have gone on other ground of the kind is therefore squares (block bootstrap: Lahiri,
"Resampling Methods for Dependent Data", 2003, chapter 12), here those of a grid:

- of a split into blocks the very blocks of the split;
- else as large as the labelled fields are, and no smaller than a window: pixels of one field or of
  one window then mostly lie in one square.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SQUARES_ACROSS = 5
"""At least so many squares lie side by side on what is tested, even where a field fills it."""
MOST_SQUARES = 1500
"""Beyond these, more tell nothing new: fields of a few pixels are put together."""


@dataclass(frozen=True)
class Grid:
    """Squares of `edge` pixels a side that cover a scene."""

    edge: int
    top: int = 0
    """Row of a crossing of the grid."""
    left: int = 0
    """Column of a crossing."""

    def numbers(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The square that each pixel (N,) lies in, counted from 0 without gaps."""
        down, across = (rows - self.top) // self.edge, (columns - self.left) // self.edge
        across = across - across.min()
        _, numbers = np.unique(down * (across.max() + 1) + across, return_inverse=True)
        return numbers.astype(np.int64)


def grid_of_split(split: Mapping[str, Any]) -> Grid | None:
    """The grid of a split, as ``split`` in metrics.json has it; None for one without blocks."""
    if split.get("block") is None or split.get("offset") is None:
        return None
    top, left = split["offset"]
    return Grid(int(split["block"]), int(top), int(left))


def grid_of_labels(
    classes: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64], *, window: int = 1
) -> Grid:
    """Squares as large as the fields among the labels, for the test pixels at `rows`, `columns`.

    `classes` (H, W) are all that is labelled, 0 where nothing is: a few pixels drawn from a field
    don't show how large it is. An edge is no smaller than a `window`, and small enough that five
    squares lie across what is tested.
    """
    height, width = (int(np.ptp(axis)) + 1 for axis in (rows, columns))
    largest = max(1, round(math.sqrt(height * width) / SQUARES_ACROSS))
    smallest = math.ceil(math.sqrt(height * width / MOST_SQUARES))
    wanted = max(round(field_width(classes)), window, smallest)
    return Grid(min(wanted, largest))


def field_width(classes: NDArray[Any]) -> float:
    """How long unbroken rows and columns of one class are, as the mean labelled pixel sees it.

    Of labels (H, W) with 0 for none; 1 where nothing is labelled.
    """
    pixels, seen = 0, 0
    for labels in (classes, classes.T):
        for line in labels:
            borders = np.flatnonzero(line[1:] != line[:-1]) + 1
            starts = np.concatenate(([0], borders))
            lengths = np.diff(np.concatenate((starts, [len(line)])))[line[starts] > 0]
            pixels += int(lengths.sum())
            seen += int((lengths**2).sum())
    return seen / pixels if pixels else 1.0
