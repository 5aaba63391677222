"""One scene with labels as square tiles: pairs of image and mask, a side of the split each."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.errors import InputError
from spectile.images.pair_set import PairSet
from spectile.images.pixel_types import as_pixels
from spectile.images.unreadable import UnreadableImageError
from spectile.scenes.labels import Labels
from spectile.scenes.scene import Scene, UnreadableError
from spectile.scenes.splits import NONE, TEST, TRAIN, VALIDATION
from spectile.scenes.stratified import check_shares, validation_quota

DRAWS = 300
"""Ways to give the tiles to sides that are tried."""


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
    share `train` of labelled pixels on the training side. The share `validation` of that side's
    tiles, at least one if there are two, is for validation.

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
    windows = list(_even_tiles(scene.height, scene.width, edge))
    counts = np.stack([_class_counts(labels, window) for window in windows])
    labelled = np.flatnonzero(counts.sum(axis=1))
    if len(labelled) < 2:
        raise InputError(
            f"all labelled pixels lie in one tile of {edge} pixels: choose smaller tiles, or "
            "label pixels elsewhere."
        )
    chosen = tuple(windows[index] for index in labelled.tolist())
    sides = _best_sides(counts[labelled], train, validation, seed)
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


def _even_tiles(height: int, width: int, edge: int) -> list[Window]:
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


def _best_sides(
    counts: NDArray[np.int64], train: float, validation: float, seed: int
) -> NDArray[np.uint8]:
    """A side for each tile, whose pixels of each class are `counts` (tiles, K)."""
    rng = np.random.default_rng(seed)
    totals = counts.sum(axis=1)
    wanted = train * totals.sum()
    best: tuple[int, float] | None = None
    sides = np.full(len(counts), NONE, np.uint8)
    for _ in range(DRAWS):
        draw = rng.permutation(len(counts))
        sums = np.cumsum(totals[draw])
        # As many tiles as come nearest to the wanted number of labelled pixels.
        size = 1 + int(np.argmin(np.abs(sums[:-1] - wanted)))
        held = int(validation_quota(np.array([size]), validation)[0])
        trained, tested = (
            (counts[side] > 0).any(axis=0) for side in (draw[held:size], draw[size:])
        )
        # A class that is tested without having been trained on is worse than one not tested.
        covered = 2 * int((trained & tested).sum()) - int((tested & ~trained).sum())
        merit = (covered, -abs(float(sums[size - 1]) - wanted))
        if best is None or merit > best:
            best = merit
            sides[draw[held:size]], sides[draw[:held]], sides[draw[size:]] = TRAIN, VALIDATION, TEST
    return sides
