"""Images given to training, validation and test: drawn class by class, or cut in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.data.splits.stratified import proportional, validation_quota


def draw_sides(
    classes: NDArray[np.int64],
    sides: NDArray[np.uint8],
    keys: Sequence[Hashable],
    *,
    train: float,
    validation: float,
    seed: int,
) -> NDArray[np.uint8]:
    """`sides` (N,) with what they lack drawn from the training images, class by class.

    Without test images the share 1 - `train` of each class (N,) goes to the test side; without
    validation images the share `validation` of what is left to the validation side. Images with
    the same of `keys` stay on one side. Each class keeps a training image, and one image that
    isn't copied elsewhere goes to the test side if the class has two.
    """
    rng = np.random.default_rng(seed)
    given = {int(side) for side in np.unique(sides)}
    drawn = sides.copy()
    if TEST not in given:
        pool = np.flatnonzero(drawn == TRAIN)
        counts = np.bincount(classes[pool], minlength=int(classes.max(initial=0)) + 1)
        present = counts > 0
        quota = np.zeros_like(counts)
        quota[present] = proportional(counts[present], train)
        drawn[pool] = TEST
        drawn[_draw(classes, keys, pool, quota, rng, spare_all=False)] = TRAIN
    if VALIDATION not in given:
        pool = np.flatnonzero(drawn == TRAIN)
        counts = np.bincount(classes[pool], minlength=int(classes.max(initial=0)) + 1)
        quota = validation_quota(counts, validation) if len(pool) else counts
        drawn[_draw(classes, keys, pool, quota, rng, spare_all=True)] = VALIDATION
    return drawn


def _draw(
    classes: NDArray[np.int64],
    keys: Sequence[Hashable],
    pool: NDArray[np.int64],
    quota: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    spare_all: bool,
) -> NDArray[np.int64]:
    """About `quota` (K,) images of each class out of `pool`, in whole groups of equal keys.

    A group of several classes counts as one of the class that most of its images have. A class
    leaves a group in the pool if it has two, or even its only one if `spare_all`.
    """
    groups: dict[Hashable, list[int]] = {}
    for index in pool[rng.permutation(len(pool))].tolist():
        groups.setdefault(keys[index], []).append(index)
    of_class: dict[int, list[list[int]]] = {}
    for group in groups.values():
        most = Counter(classes[group].tolist()).most_common(1)[0][0]
        of_class.setdefault(most, []).append(group)
    chosen: list[int] = []
    for label, members in sorted(of_class.items()):
        chosen.extend(_nearest(members, int(quota[label]), leave=spare_all or len(members) > 1))
    return np.array(sorted(chosen), dtype=np.int64)


def _nearest(groups: list[list[int]], wanted: int, *, leave: bool) -> list[int]:
    """Whole groups with about `wanted` images; the largest first, for single ones fill any gap."""
    if wanted == 0:
        return []
    taken: list[list[int]] = []
    left = sorted(groups, key=len, reverse=True)
    count = 0
    for group in left:
        if abs(count + len(group) - wanted) < abs(count - wanted):
            taken.append(group)
            count += len(group)
    if not taken:
        taken.append(left[-1])
    if leave and len(taken) == len(groups):
        taken.pop()
    return [index for group in taken for index in group]


def cut_sides(sides: NDArray[np.uint8], *, train: float, validation: float) -> NDArray[np.uint8]:
    """`sides` (N,) with what they lack cut from the training images in their order, in runs.

    The training side comes first, its last images are for validation, and the test side comes
    last: of images whose neighbours look alike, only those at two borders have such neighbours on
    another side.
    """
    given = {int(side) for side in np.unique(sides)}
    cut = sides.copy()
    if TEST not in given:
        pool = np.flatnonzero(cut == TRAIN)
        kept = int(np.clip(round(train * len(pool)), 1, max(1, len(pool) - 1)))
        cut[pool[kept:]] = TEST
    if VALIDATION not in given:
        pool = np.flatnonzero(cut == TRAIN)
        held = int(validation_quota(np.array([len(pool)]), validation)[0])
        cut[pool[len(pool) - held :]] = VALIDATION
    return cut
