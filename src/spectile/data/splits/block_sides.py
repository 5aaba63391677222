"""A scene cut into a training and a test side, and what the gap between them costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spectile.data.splits.block_goal import Goal, count_sides

OVERHEAD = 4000
"""Fixed cost of one move in pixels looked at; one of these takes about 20 ns."""


class Sides:
    """Every pixel of the scene, labelled or not, is on one side; moves shift the border.

    The border keeps half of the guard free on each side: a labelled pixel is kept if all pixels
    that near are on its own side. Kept pixels of the two sides then lie more than the guard
    apart: on the straight way from one to the other, the first half of the guard stays on the
    one side and the other half on the other.
    """

    def __init__(
        self,
        classes: NDArray[np.int32],
        trained: NDArray[np.bool_],
        guard: int,
        goal: Goal,
    ) -> None:
        self.classes = classes
        self.trained = trained
        """True on the training side, False on the test side, shape (H, W)."""
        self.kept = (classes > 0) & _beyond_guard(trained, guard)
        """Labelled pixels that the guard leaves, shape (H, W)."""
        self.guard = guard
        self.goal = goal
        self._counts = self._count(classes, trained, self.kept)
        self.score = goal.score(self._counts)
        self.effort = 4 * classes.size

    def scarce(self) -> NDArray[np.int64]:
        """Rows (side, class) of what is far from its wanted number of pixels."""
        return self.goal.scarce(self._counts)

    def move(self, rows: tuple[int, int], columns: tuple[int, int], trained: bool) -> bool:
        """Put the rectangle from `rows` to `columns` on one side if that raises the score."""
        self.effort += OVERHEAD
        height, width = self.trained.shape
        rectangle = (_clip(*rows, height), _clip(*columns, width))
        if self.trained[rectangle].size == 0 or np.all(self.trained[rectangle] == trained):
            return False
        half = self.guard - self.guard // 2
        # Pixels whose fate may change, and those that decide on it.
        affected, looked_at = (_grow(rectangle, n * half, height, width) for n in (1, 2))
        proposal = self.trained[looked_at].copy()
        proposal[_inside(rectangle, looked_at)] = trained
        self.effort += proposal.size
        classes = self.classes[affected]
        inner = _inside(affected, looked_at)
        kept = (classes > 0) & _beyond_guard(proposal, self.guard)[inner]
        counts = self._counts + self._count(classes, proposal[inner], kept)
        counts -= self._count(classes, self.trained[affected], self.kept[affected])
        score = self.goal.score(counts)
        if score <= self.score:
            return False
        self.trained[rectangle] = trained
        self.kept[affected] = kept
        self._counts, self.score = counts, score
        return True

    def _count(
        self, classes: NDArray[np.int32], trained: NDArray[np.bool_], kept: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        return count_sides(classes[kept], trained[kept], len(self.goal.testable))


def _beyond_guard(trained: NDArray[np.bool_], guard: int) -> NDArray[np.bool_]:
    """Pixels farther from the other side than their side's half of the guard."""
    highest = lowest = np.ascontiguousarray(trained).view(np.uint8)
    on_train, on_test = guard // 2, guard - guard // 2
    for axis, size in enumerate(trained.shape):
        # Without an output scipy takes longer to make one than to filter a small rectangle.
        lowest = ndimage.minimum_filter1d(
            lowest,
            2 * min(on_train, size) + 1,
            axis=axis,
            output=np.empty_like(lowest),
            mode="nearest",
        )
        highest = ndimage.maximum_filter1d(
            highest,
            2 * min(on_test, size) + 1,
            axis=axis,
            output=np.empty_like(highest),
            mode="nearest",
        )
    # Training pixels with nothing but training around, test pixels with nothing but test.
    return np.asarray((lowest == 1) | (highest == 0))


def _clip(start: int, stop: int, size: int) -> slice:
    return slice(min(max(start, 0), size), max(min(stop, size), 0))


def _grow(
    rectangle: tuple[slice, slice], pixels: int, height: int, width: int
) -> tuple[slice, slice]:
    rows, columns = rectangle
    return (
        _clip(rows.start - pixels, rows.stop + pixels, height),
        _clip(columns.start - pixels, columns.stop + pixels, width),
    )


def _inside(inner: tuple[slice, slice], outer: tuple[slice, slice]) -> tuple[slice, slice]:
    """Where `inner` lies within an array that holds just `outer`."""
    rows, columns = (
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(inner, outer, strict=True)
    )
    return rows, columns
