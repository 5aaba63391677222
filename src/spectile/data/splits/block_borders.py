"""Where the border between the training and the test side runs: fitted, then settled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectile.data.splits.block_goal import TRAIN_SIDE, count_sides
from spectile.data.splits.block_sides import Sides
from spectile.data.splits.overlap import within_distance

POOL = 20_000
"""Pixels of a class that are drawn from at most."""
DRAWS = 64
"""Pixels drawn to find one that got lost."""


def pools_of(classes: NDArray[np.int32], number: int) -> list[NDArray[np.int64]]:
    """Flat places of pixels of each of `number` classes, thinned where there are very many."""
    pools = []
    for k in range(1, number + 1):
        places = np.flatnonzero(classes == k)
        pools.append(places[:: len(places) // POOL + 1])
    return pools


def fit_borders(
    sides: Sides,
    pools: list[NDArray[np.int64]],
    block: int,
    rng: np.random.Generator,
    effort: float,
) -> None:
    """Move rectangles between the sides, as long as the effort lasts."""
    everywhere = np.concatenate(pools)
    stop = sides.effort + effort
    while sides.effort < stop:
        scarce = sides.scarce()
        if len(scarce) and rng.random() < 0.5:
            side, k = scarce[rng.integers(len(scarce))]
            _offer(sides, pools[k], bool(side == TRAIN_SIDE), rng)
        else:
            _shift_border(sides, everywhere, max(block, 2 * sides.guard), rng)


def _offer(sides: Sides, pool: NDArray[np.int64], trained: bool, rng: np.random.Generator) -> None:
    """Give a side a rectangle around one pixel of a class that it lacks."""
    row, column = divmod(int(pool[rng.integers(len(pool))]), sides.classes.shape[1])
    up, down, left, right = rng.integers(sides.guard + 2, size=4)
    sides.move((row - up, row + down + 1), (column - left, column + right + 1), trained)


def _shift_border(
    sides: Sides, pool: NDArray[np.int64], longest: int, rng: np.random.Generator
) -> None:
    """Put a rectangle that holds a lost pixel on either side."""
    drawn = pool[rng.integers(len(pool), size=DRAWS)]
    lost = drawn[~sides.kept.ravel()[drawn]]
    place = int(lost[0] if len(lost) else drawn[0])
    row, column = divmod(place, sides.classes.shape[1])
    height, width = rng.integers(1, longest + 1, size=2)
    top, left = row - rng.integers(height), column - rng.integers(width)
    sides.move((top, top + height), (left, left + width), bool(rng.integers(2)))


@dataclass(frozen=True)
class Settled:
    """Training and test pixels more than the guard apart."""

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    score: float


def settle(sides: Sides) -> Settled:
    """All pixels that the guard between labelled pixels allows, each class in training.

    The border took its margin off both sides even where only unlabelled ground lies beyond it.
    First one side takes back what it can, then the other, in the better order.
    """
    guard, labelled = sides.guard, sides.classes > 0
    on_train, on_test = labelled & sides.trained, labelled & ~sides.trained

    train = on_train & ~within_distance(on_test & sides.kept, guard)
    test = on_test & ~within_distance(train, guard)
    train_first = _with_every_class(sides, train, test)

    test = on_test & ~within_distance(on_train & sides.kept, guard)
    train = on_train & ~within_distance(test, guard)
    test_first = _with_every_class(sides, train, test)
    return max(train_first, test_first, key=lambda one: one.score)


def _with_every_class(sides: Sides, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> Settled:
    """Put classes that lack training pixels into training whole, whatever test pixels it costs."""
    classes = sides.classes
    missing = np.setdiff1d(classes[classes > 0], classes[train])
    if len(missing):
        train = train | np.isin(classes, missing)
        test = test & ~within_distance(train, sides.guard)
    number = len(sides.goal.testable)
    used = train | test
    counts = count_sides(classes[used], train[used], number)
    return Settled(train, test, sides.goal.score(counts))
