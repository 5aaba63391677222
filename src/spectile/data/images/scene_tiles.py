"""One scene with labels as square tiles: pairs of image and mask, a side of the split each."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.images.pair_set import PairSet
from spectile.data.labels.labels import Labels
from spectile.data.readers.pixel_types import as_pixels
from spectile.data.readers.unreadable import UnreadableImageError
from spectile.data.scene import Scene, UnreadableError
from spectile.data.splits.splits import NONE, TEST, TRAIN, VALIDATION
from spectile.data.splits.stratified import check_shares, validation_quota
from spectile.errors import InputError

DRAWS, EXCHANGES = 300, 1000
"""Ways to give the tiles to sides that are tried, and exchanges of tiles of the best."""


@dataclass(frozen=True, eq=False)
class SceneTiles:
    """The tiles of a scene as images."""

    scene: Scene
    windows: tuple[Window, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.windows)

    def name(self, index: int) -> str:
        return tile_name(self.windows[index])

    def read(self, index: int) -> NDArray[Any]:
        try:
            pixels = self.scene.read(self.windows[index])
        except UnreadableError as error:
            raise UnreadableImageError(
                f"{self.scene.source}, {self.name(index)}", error.reason
            ) from error
        missing = np.stack([~self.scene.valid(band[None]) for band in pixels])
        return as_pixels(pixels, missing)


@dataclass(frozen=True, eq=False)
class LabelTiles:
    """The tiles of a label raster as masks."""

    labels: Labels
    windows: tuple[Window, ...] = field(repr=False)

    @property
    def classes(self) -> int:
        return len(self.labels.legend)

    def name(self, index: int) -> str:
        return tile_name(self.windows[index])

    def read(self, index: int) -> NDArray[np.uint16]:
        places: NDArray[np.int32] = self.labels.classes[self.windows[index].toslices()]
        return places.astype(np.uint16)


def tile_name(window: Window) -> str:
    """For instance "rows 0-127, columns 256-383"."""
    rows, columns = window.toslices()
    return f"rows {rows.start}-{rows.stop - 1}, columns {columns.start}-{columns.stop - 1}"


def tiles_of(
    scene: Scene,
    labels: Labels,
    *,
    edge: int,
    train: float = 0.8,
    validation: float = 0.1,
    seed: int = 0,
) -> PairSet:
    """Cut a scene into tiles of at most `edge` pixels a side, even ones, and split them.

    Tiles without a labelled pixel are left out. Of some hundred draws from `seed` the one is
    kept that has the most classes on both sides, and of these the one that comes nearest to the
    share `train` of labelled pixels on the training side, of all and of each class. Then tiles
    are exchanged while that brings more classes to both sides or comes nearer. The share
    `validation` of that side's tiles, at least one if there are two, is for validation. How the
    classes are numbered doesn't matter.

    Raises InputError for an edge or shares that make no sense, labels of a single class, and
    where fewer than two tiles hold labels.
    """
    check_shares(train, validation)
    if edge < 1:
        raise InputError(f"tiles of {edge} pixels make no sense: choose 32 or more.")
    if np.count_nonzero(labels.counts) < 2:
        raise InputError(
            "all labelled pixels are of one class: label pixels of at least two classes."
        )
    windows = list(even_tiles(scene.height, scene.width, edge))
    counts = np.stack([_class_counts(labels, window) for window in windows])
    labelled = np.flatnonzero(counts.sum(axis=1))
    if len(labelled) < 2:
        raise InputError(
            f"all labelled pixels lie in one tile of {edge} pixels: choose smaller tiles, or "
            "label pixels elsewhere."
        )
    chosen = tuple(windows[index] for index in labelled.tolist())
    sides = best_sides(counts[labelled], train, validation, seed)
    return PairSet(
        SceneTiles(scene, chosen),
        LabelTiles(labels, chosen),
        sides,
        labels.legend,
        None,
        "blocks",
        seed,
        labels.notes,
        labels.tally,
    )


def even_tiles(height: int, width: int, edge: int) -> list[Window]:
    """Windows of at most `edge` pixels a side, as even as can be, that cover a scene."""
    tops, lefts = (
        [length * part // parts for part in range(parts + 1)]
        for length in (height, width)
        for parts in (-(-length // edge),)
    )
    return [
        Window(left, top, right - left, bottom - top)
        for top, bottom in itertools.pairwise(tops)
        for left, right in itertools.pairwise(lefts)
    ]


def _class_counts(labels: Labels, window: Window) -> NDArray[np.int64]:
    places = labels.classes[window.toslices()]
    return np.bincount(places.ravel(), minlength=len(labels.legend) + 1)[1:]


def best_sides(
    counts: NDArray[np.int64], train: float, validation: float, seed: int
) -> NDArray[np.uint8]:
    """A side for each tile, which has `counts` (tiles, K) pixels or objects of each class."""
    rng = np.random.default_rng(seed)
    totals = counts.sum(axis=1)
    wanted = train * totals.sum()
    sides = np.full(len(counts), NONE, np.uint8)
    best: _Merit | None = None
    for _ in range(DRAWS):
        draw = rng.permutation(len(counts))
        sums = np.cumsum(totals[draw])
        # As many tiles as come nearest to the wanted number of labelled pixels.
        size = 1 + int(np.argmin(np.abs(sums[:-1] - wanted)))
        held = int(validation_quota(np.array([size]), validation)[0])
        drawn = np.full(len(counts), TEST, np.uint8)
        drawn[draw[held:size]], drawn[draw[:held]] = TRAIN, VALIDATION
        merit = _merit(counts, drawn, train)
        if best is None or merit > best:
            best, sides = merit, drawn
    return _improved(counts, sides, train, rng)


_Merit = tuple[int, float]


def _merit(counts: NDArray[np.int64], sides: NDArray[np.uint8], train: float) -> _Merit:
    """How many classes are on both sides, then how near the shares are to what is wanted."""
    on_train, on_validation, on_test = (
        counts[sides == side].sum(axis=0) for side in (TRAIN, VALIDATION, TEST)
    )
    trained, tested = on_train > 0, on_test > 0
    # A class that is tested without having been trained on is worse than one not tested.
    covered = 2 * int((trained & tested).sum()) - int((tested & ~trained).sum())
    totals = counts.sum(axis=0)
    learning = on_train + on_validation
    off = np.abs(learning - train * totals)[totals > 0] / totals[totals > 0]
    whole = abs(float(learning.sum()) / float(totals.sum()) - train)
    # Sorted: sums of fractions depend on the order, which numbering must not.
    return covered, -(whole + float(np.sort(off).mean()) / 4)


def _improved(
    counts: NDArray[np.int64], sides: NDArray[np.uint8], train: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The sides after exchanges of two tiles that each raise the merit.

    Where a class is on one side alone, one of its tiles is exchanged for any of the other side.
    """
    best = _merit(counts, sides, train)
    held = counts > 0
    for _ in range(EXCHANGES):
        on_train, on_test = (held[sides == side].any(axis=0) for side in (TRAIN, TEST))
        lacking = np.flatnonzero(on_train != on_test)
        one, other = rng.integers(len(sides), size=2)
        if len(lacking):
            # Chosen by tiles, not by numbers, which mean nothing.
            with_one = np.flatnonzero(held[:, lacking].any(axis=1))
            one = int(with_one[rng.integers(len(with_one))])
        if sides[one] == sides[other]:
            continue
        changed = sides.copy()
        changed[[one, other]] = sides[[other, one]]
        merit = _merit(counts, changed, train)
        if merit > best:
            best, sides = merit, changed
    return sides
