"""What makes a spatial split a good one, as one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TRAIN_SIDE = 0
"""The training row of the arrays (2, K) of pixels a side and class; row 1 is test."""

UNTRAINED, UNTESTED = 2.0, 1.0
"""What it costs that a side lacks a class; 1.0 is the cost of losing 63% of all pixels."""


class Goal:
    """Keep many pixels, every class on both sides, each class near its wanted share.

    The score is the mean over classes of ``share log(kept / wanted)``, summed over both sides:
    0 for a split that loses nothing and hits every share, and about log(f) for one that keeps the
    fraction f of everything. A class weighs half by its pixels and half as one class of many, so
    that small classes are not sold for a few more pixels of large ones. A class that can't be
    tested is wanted in training as a whole.
    """

    def __init__(
        self, totals: NDArray[np.int64], testable: NDArray[np.bool_], train: float
    ) -> None:
        present = totals > 0
        self.train = train
        self.testable = testable & present
        share = np.where(self.testable, [[train], [1 - train]], [[1.0], [0.0]])
        self.wanted = share * totals
        weight = totals / totals.sum() / 2 + present / np.count_nonzero(present) / 2
        self._weight = share * weight
        self._lacking = np.array([[UNTRAINED], [UNTESTED]]) * [present, self.testable]
        # Half a pixel keeps the logarithm of a side that has none finite.
        self._best = float((self._weight * np.log(self.wanted + 0.5)).sum())

    def score(self, kept: NDArray[np.int64]) -> float:
        """At most about 0; `kept` are the pixels a side and class, shape (2, K)."""
        climbed = float((self._weight * np.log(kept + 0.5)).sum()) - self._best
        return climbed - float(self._lacking[kept == 0].sum())

    def scarce(self, kept: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sides and classes with under a quarter of their wanted pixels, as rows (side, class)."""
        return np.argwhere(kept < self.wanted / 4)


def separable(classes: NDArray[np.int32], count: int, guard: int) -> NDArray[np.bool_]:
    """Which of `count` classes have two pixels more than `guard` rows or columns apart."""
    boxes = ndimage.find_objects(classes, max_label=count)
    return np.array(
        [
            box is not None and max(side.stop - side.start - 1 for side in box) > guard
            for box in boxes
        ],
        dtype=np.bool_,
    )


def count_sides(
    classes: NDArray[np.int32], trained: NDArray[np.bool_], number: int
) -> NDArray[np.int64]:
    """Pixels a side and class, shape (2, K), of pixels of any shape on the one or other side."""
    rows = number + 1
    counts = np.bincount(classes + rows * ~trained, minlength=2 * rows)
    return counts.reshape(2, rows)[:, 1:]
