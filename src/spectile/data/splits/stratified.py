"""Drawing the same share of every class: pixel by pixel, or in whole patches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectile.errors import InputError
from spectile.ranges import check


def check_shares(train: float, validation: float) -> None:
    """Raise InputError for shares that leave a side empty."""
    check("the training share", train, float)
    check("the validation share", validation, float)
    if not 0 < train < 1:
        raise InputError(
            f"a training share of {train:g} leaves one side empty: choose one between 0 and 1."
        )
    if not 0 <= validation < 1:
        raise InputError(
            f"a validation share of {validation:g} leaves nothing to train on: choose one from 0 "
            "to below 1."
        )


def proportional(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """How many pixels of each class make up `share` of all, shape (K,).

    The total is rounded down and the remainders go to the classes that lost the largest fractions,
    as scikit-learn's ``train_test_split(train_size=share, stratify=...)`` does it, but for two
    things: ties go to the first class, not to a random one, and each class gives at least one
    pixel, and keeps one if it has two.
    """
    total = int(share * counts.sum())
    exact = counts / counts.sum() * total
    drawn = np.floor(exact).astype(np.int64)
    largest = np.argsort(drawn - exact, kind="stable")
    drawn[largest[: total - int(drawn.sum())]] += 1
    most: NDArray[np.int64] = np.maximum(counts - 1, np.minimum(counts, 1))
    clipped: NDArray[np.int64] = np.clip(drawn, np.minimum(most, 1), most)
    return clipped


def sample_of_classes(classes: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Indices, in rising order, of about `count` pixels: the same share of each class (N,).

    All where there are no more; each class keeps a pixel.
    """
    if len(classes) <= count:
        return np.arange(len(classes))
    values, counts = np.unique(classes, return_counts=True)
    chance = np.random.default_rng(seed)
    drawn = [
        chance.choice(np.flatnonzero(classes == value), quota, replace=False)
        for value, quota in zip(values, proportional(counts, count / len(classes)), strict=True)
    ]
    picked: NDArray[np.int64] = np.sort(np.concatenate(drawn))
    return picked


def validation_quota(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """How many of the training side's pixels of each class become validation pixels, shape (K,).

    Rounded to the nearest, so that a class too small gives none; but if all are, the largest
    class gives one. Each class keeps at least one training pixel.
    """
    nearest = np.floor(share * counts + 0.5).astype(np.int64)
    quota: NDArray[np.int64] = np.minimum(nearest, np.maximum(counts - 1, 0))
    if share > 0 and not quota.any() and counts.max() > 1:
        quota[counts.argmax()] = 1
    return quota


def draw(
    classes: NDArray[np.int32],
    pixels: NDArray[np.bool_],
    quota: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    patch: int = 1,
) -> NDArray[np.bool_]:
    """Draw `quota` (K,) pixels of each class among `pixels` (H, W), as a mask (H, W).

    They come in whole square patches of edge `patch`, the same for all classes; only the last
    patch of a class is cut to size.
    """
    rows, columns = np.nonzero(pixels)
    across = -(-classes.shape[1] // patch)
    patches, member = np.unique(rows // patch * across + columns // patch, return_inverse=True)
    members = classes[rows, columns]
    order = np.lexsort((rng.permutation(len(patches))[member], members))
    starts = np.searchsorted(members[order], np.arange(1, len(quota) + 2))
    place = np.arange(len(order)) - starts[members[order] - 1]
    chosen = order[place < quota[members[order] - 1]]
    drawn = np.zeros(classes.shape, np.bool_)
    drawn[rows[chosen], columns[chosen]] = True
    return drawn
