"""An order of classes that doesn't depend on how they are numbered or named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Labels


@dataclass(frozen=True)
class Ordered:
    """The classes that occur, numbered 1 to K by where each is first met, row by row.

    Splits are drawn from these: a legend that numbers the same labels otherwise must not change
    what is trained on.
    """

    classes: NDArray[np.int32]
    """Shape (H, W): 0 where unlabelled."""
    numbers: NDArray[np.int64]
    """The number in the legend, from 1, of each class, shape (K,)."""
    counts: NDArray[np.int64]
    """Pixels of each class, shape (K,)."""


def in_order_of_place(labels: Labels) -> Ordered:
    """The classes of `labels` in the order of their first pixels."""
    first = np.full(len(labels.legend) + 1, labels.classes.size, np.int64)
    width = labels.classes.shape[1]
    for number in range(len(labels.classes) - 1, -1, -1):  # backwards: the first row stays
        row = labels.classes[number]
        first[row[::-1]] = number * width + np.arange(width - 1, -1, -1)
    counts = labels.counts
    numbers = 1 + np.flatnonzero(counts)
    numbers = numbers[np.argsort(first[numbers], kind="stable")]
    rank = np.zeros(len(labels.legend) + 1, np.int32)
    rank[numbers] = np.arange(1, len(numbers) + 1)
    classes = np.empty_like(labels.classes)
    for number, row in enumerate(labels.classes):
        classes[number] = rank[row]
    return Ordered(classes, numbers, counts[numbers - 1])
