"""What makes a spatial split a good one, as one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TRAIN_SIDE = 0
"""The training row of the arrays (2, K) of pixels a side and class; row 1 is test."""

UNTRAINED, UNTESTED = 2.0, 1.0
"""What it costs that a side lacks a class; 1.0 is the cost of losing 63% of all pixels."""
SCANT, ENOUGH, FEW = 0.1, 50, 5
"""What it costs that a side has next to nothing of a class: less than half of what it wants and
a FEW, but never more than ENOUGH pixels are asked for."""

WORTH, WORTH_SHARE = 10, 1 / 3
"""Pixels on each side, or a class's share on both, for which it is parted rather than trained on
as a whole."""


class Goal:
    """Keep many pixels, every class on both sides, each class near its wanted share.

    The score is the mean over classes of ``share log(kept / wanted)``, summed over both sides:
    0 for a split that loses nothing and hits every share, and about log(f) for one that keeps the
    fraction f of everything. A class weighs half by its pixels and half as one class of many, so
    that small classes are not sold for a few more pixels of large ones; a side that has some
    pixels of a class, but too few to learn or test it, costs more the fewer they are. A class that
    can't be tested is wanted in training as a whole.
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
        self._needed = np.minimum(np.minimum(self.wanted, FEW + self.wanted / 2), ENOUGH)
        # Half a pixel keeps the logarithm of a side that has none finite.
        self._best = float((self._weight * np.log(self.wanted + 0.5)).sum())

    def score(self, kept: NDArray[np.int64]) -> float:
        """At most about 0; `kept` are the pixels a side and class, shape (2, K)."""
        climbed = float((self._weight * np.log(kept + 0.5)).sum()) - self._best
        short = np.maximum(0.0, 1 - kept / np.maximum(self._needed, 1))
        scant = SCANT * float(np.square(short[self._needed > 0]).sum())
        return climbed - scant - float(self._lacking[kept == 0].sum())

    def scarce(self, kept: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sides and classes with under a quarter of their wanted pixels, as rows (side, class)."""
        return np.argwhere(kept < self.wanted / 4)


def separable(classes: NDArray[np.int32], count: int, guard: int) -> NDArray[np.bool_]:
    """Which of `count` classes a guard can part into two sides that are worth having.

    A straight cut between rows or between columns has to leave either a few pixels of the class
    on each side or a good share of all; else a class as small as the guard would be given up for
    one or two pixels on each side.
    """
    testable = np.zeros(count, np.bool_)
    for lines in (classes, classes.T):
        along = np.stack([np.bincount(line, minlength=count + 1)[1:] for line in lines])
        before = np.concatenate([np.zeros((1, count), np.int64), np.cumsum(along, axis=0)])
        totals = before[-1]
        if guard >= len(lines):
            continue
        # The gap takes `guard` lines: all before it on one side, all behind it on the other.
        one, other = before[: len(before) - guard], totals - before[guard:]
        least, kept = np.minimum(one, other), one + other
        worth = (least >= np.minimum(WORTH, totals)) | (kept >= WORTH_SHARE * totals)
        testable |= ((least > 0) & worth).any(axis=0)
    return testable


def count_sides(
    classes: NDArray[np.int32], trained: NDArray[np.bool_], number: int
) -> NDArray[np.int64]:
    """Pixels a side and class, shape (2, K), of pixels of any shape on the one or other side."""
    rows = number + 1
    counts = np.bincount(classes + rows * ~trained, minlength=2 * rows)
    return counts.reshape(2, rows)[:, 1:]
