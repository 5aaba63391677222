"""Splits as scikit-learn takes them: objects with a `split` that gives indices of pixels.

For :func:`sklearn.model_selection.cross_val_score` and its kin the samples are the labelled pixels
of one scene: their rows and columns (N, 2) as X, their classes (N,) as y.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectile.data.labels.labels import Labels, labels_from_array
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION, Split, split_blocks, split_random
from spectile.errors import InputError

Indices = NDArray[np.int64]


def labelled_pixels(labels: Labels | ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns (N, 2) of the labelled pixels, and the legend's value of each (N,).

    `labels` are Labels, or whole numbers (H, W), 0 meaning unlabelled.
    """
    found = labels if isinstance(labels, Labels) else labels_from_array(labels)
    places = np.argwhere(found.classes > 0)
    values = np.array([0, *found.legend.values])
    return places, values[found.classes[tuple(places.T)]].astype(np.int64)


class _Splits(ABC):
    """What scikit-learn asks of an object that splits."""

    repeats: int

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """How many splits there are."""
        return self.repeats

    def split(
        self, X: ArrayLike, y: ArrayLike, groups: Any = None
    ) -> Iterator[tuple[Indices, Indices]]:
        """Indices of training and of test pixels, split by split; X and y as in this module."""
        places = checked_places(X)
        height, width = places.max(axis=0) + 1
        labels = labels_from_array(on_raster(places, y, (height, width)))
        for number in range(self.repeats):
            sides = self._one(labels, number).assignment[tuple(places.T)]
            train = np.isin(sides, (TRAIN, VALIDATION))
            yield np.flatnonzero(train), np.flatnonzero(sides == TEST)

    @abstractmethod
    def _one(self, labels: Labels, number: int) -> Split:
        """The split of that number."""


class BlockSplits(_Splits):
    """Blocks of the scene for training and test with a guard between them, once a seed.

    As :func:`spectile.split_blocks`: no test pixel's class depends on a pixel of a training window,
    if `window` is the edge of the windows that are trained on, and `smooth` the radius in which a
    map is smoothed. A model sees the training side alone,
    of which it may hold pixels back to choose an epoch.
    """

    def __init__(
        self,
        window: int,
        *,
        repeats: int = 5,
        train: float = 0.5,
        guard: int | None = None,
        block: int | None = None,
        smooth: int = 0,
        seed: int = 0,
    ) -> None:
        self.window = window
        self.smooth = smooth
        self.repeats = repeats
        self.train = train
        self.guard = guard
        self.block = block
        self.seed = seed

    def _one(self, labels: Labels, number: int) -> Split:
        return split_blocks(
            labels,
            window=self.window,
            smooth=self.smooth,
            train=self.train,
            validation=0.0,
            seed=self.seed + number,
            guard=self.guard,
            block=self.block,
        )


class RandomSplits(_Splits):
    """Pixels drawn at random from each class, as papers do, once a seed; they leak.

    As :func:`spectile.split_random`: windows of test and training pixels overlap, so scores
    measure memory.
    """

    def __init__(self, window: int, *, repeats: int = 5, train: float = 0.1, seed: int = 0) -> None:
        self.window = window
        self.repeats = repeats
        self.train = train
        self.seed = seed

    def _one(self, labels: Labels, number: int) -> Split:
        return split_random(
            labels,
            window=self.window,
            train=self.train,
            validation=0.0,
            seed=self.seed + number,
        )


def on_raster(
    places: NDArray[np.int64], classes: ArrayLike, shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Classes (N,) of pixels at `places` (N, 2) as a raster (H, W) with 0 elsewhere.

    Raises InputError unless there is one whole number above 0 for each, and one for each pixel.
    """
    found = np.asarray(classes)
    whole = found.dtype.kind in "iuf" and bool((found == np.floor(found)).all())
    if found.shape != (len(places),) or not whole or (len(found) and found.min() < 1):
        raise InputError(
            f"y of shape {found.shape} and type {found.dtype} isn't the classes of {len(places)} "
            "pixels: give a whole number from 1 on for each, for 0 means unlabelled."
        )
    raster = np.zeros(shape, np.int64)
    raster[tuple(places.T)] = found
    if (raster[tuple(places.T)] != found).any():
        raise InputError("y gives one pixel two classes: leave one of them out.")
    return raster


def checked_places(X: ArrayLike) -> NDArray[np.int64]:
    """Rows and columns (N, 2); InputError for anything else."""
    places = np.asarray(X)
    if (
        places.ndim != 2
        or places.shape[1] != 2
        or places.dtype.kind not in "iu"
        or places.min() < 0
    ):
        raise InputError(
            f"X of shape {places.shape} isn't rows and columns of pixels (N, 2): take them, and y, "
            "from spectile.labelled_pixels(labels)."
        )
    return places.astype(np.int64)
