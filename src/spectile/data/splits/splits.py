"""Splits: which labelled pixels are trained on, validated on and tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Labels
from spectile.data.splits.block_goal import separable
from spectile.data.splits.block_split import search_blocks
from spectile.data.splits.checks import check_blocks, check_settings, check_shape
from spectile.data.splits.class_order import Ordered, in_order_of_place
from spectile.data.splits.notes import notes_on_blocks, notes_on_counts, notes_on_split_files
from spectile.data.splits.overlap import (
    Overlap,
    farthest_shared,
    measure_overlap,
    of_tested_classes,
)
from spectile.data.splits.stratified import draw, proportional, validation_quota
from spectile.errors import InputError

NONE, TRAIN, VALIDATION, TEST = 0, 1, 2, 3
"""Codes of an assignment, in split.tif too."""
GUARD = 4
"""In split.tif: labelled and on no side. An assignment has 0 there."""


@dataclass(frozen=True, eq=False)
class Split:
    """Which pixels are trained on, validated on and tested on, and how far apart they lie."""

    assignment: NDArray[np.uint8]
    """Shape (H, W): 0 none, 1 train, 2 validation, 3 test."""
    kind: Literal["blocks", "random", "file"]
    seed: int | None
    """What the draws started from; None where nothing was drawn."""
    window: int
    """Edge in pixels, odd, of the windows that the network sees."""
    overlap: Overlap
    names: tuple[str, ...]
    """The classes, in the legend's order."""
    counts: NDArray[np.int64]
    """Pixels of each class, shape (K, 4): on neither side, train, validation, test."""
    guard: int | None = None
    """Training and test pixels of blocks lie more rows or columns apart than this."""
    block: int | None = None
    """Edge of the blocks in pixels, before their borders were fitted to the labels."""
    offset: tuple[int, int] | None = None
    """Row and column of the first crossing of the blocks' grid."""
    notes: tuple[str, ...] = ()
    """Sentences that a reader of the scores should know."""

    @property
    def tested(self) -> tuple[str, ...]:
        """Classes that have test pixels: those that scores are about."""
        return self._names_where(self.counts[:, TEST] > 0)

    @property
    def untested(self) -> tuple[str, ...]:
        """Classes that have labelled pixels, but none to test on."""
        return self._names_where((self.counts[:, TEST] == 0) & (self.counts.sum(axis=1) > 0))

    @property
    def verdict(self) -> str:
        """One sentence on how far to trust a score, and what it doesn't speak for."""
        trained = self.counts[:, TRAIN] > 0
        untrained = self._names_where(~trained & (self.counts[:, TEST] > 0))
        classes = int(np.count_nonzero(self.counts.sum(axis=1)))
        return of_tested_classes(self.overlap.verdict, classes, self.untested, untrained)

    def _names_where(self, wanted: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.names[index] for index in np.flatnonzero(wanted))

    def summary(self) -> dict[str, Any]:
        """Plain values for ``split`` in metrics.json."""
        neither, train, validation, test = (int(pixels) for pixels in self.counts.sum(axis=0))
        return {
            "kind": self.kind,
            "seed": self.seed,
            "window": self.window,
            "honest_window": self.overlap.honest_window,
            "guard": self.guard,
            "block": self.block,
            "offset": None if self.offset is None else list(self.offset),
            "train_pixels": train,
            "validation_pixels": validation,
            "test_pixels": test,
            "unused_pixels": neither,
            "overlap": self.overlap.overlap,
            "window_overlap": self.overlap.window_overlap,
            "verdict": self.verdict,
            "tested_classes": list(self.tested),
            "untested_classes": list(self.untested),
            "notes": list(self.notes),
        }


def split_random(
    labels: Labels,
    *,
    window: int,
    smooth: int = 0,
    train: float = 0.1,
    validation: float = 0.1,
    seed: int = 0,
) -> Split:
    """Draw training pixels at random, class by class, as most papers do; test on all others.

    `train` is the share of each class that is trained on, `validation` the share of these that is
    held back to choose the checkpoint. Both are below 1, `train` is above 0; numbers of pixels are
    rounded as by scikit-learn's stratified split. A class has at least one training pixel, and a
    test pixel if it has two. `window` is the edge in pixels of the windows that the network sees,
    and `smooth` the radius in which what it says is smoothed: the overlap of training and test
    follows from them, and is usually nearly complete.

    Raises InputError for labels or shares that can't be split.
    """
    check_settings(labels, window, validation, train, seed=seed, smooth=smooth)
    ordered = in_order_of_place(labels)
    totals = ordered.counts
    if totals.max() < 2:
        raise InputError(
            "every class has a single labelled pixel, so none is left to test on: label more."
        )
    rng = np.random.default_rng(seed)
    labelled = labels.classes > 0
    trained = draw(ordered.classes, labelled, proportional(totals, train), rng)
    validated = _drawn_validation(ordered, trained, validation, rng, patch=1)
    test = labelled & ~trained
    return _split(labels, "random", window, smooth, seed, trained & ~validated, validated, test)


def split_blocks(
    labels: Labels,
    *,
    window: int,
    smooth: int = 0,
    train: float = 0.5,
    validation: float = 0.1,
    seed: int = 0,
    guard: int | None = None,
    block: int | None = None,
) -> Split:
    """Give square blocks of the scene to training or to test, with a guard between them.

    `guard` is how many rows or columns lie between training and test pixels at least. By default
    it is `window` - 1 + 2 `smooth`, where `window` is the edge in pixels of the windows that the
    network sees, and `smooth` the radius in which what it says is smoothed: just enough that no
    pixel of a training window is among those that a test pixel's class depends on. Labelled pixels
    nearer to the other side are used for neither.

    `train` is the wanted share of labelled pixels on the training side. The blocks are searched:
    their edge in pixels (unless `block` sets it), where their grid begins, the side of each, and
    borders that follow the labels. Few labelled pixels should be lost, and every class should be on
    both sides. Where geometry doesn't allow that a class is trained on, not tested, and the notes
    name it.

    Validation pixels are the share `validation` of each class on the training side. They come in
    patches as large as a window, so that they tell more than scattered pixels would; no guard
    keeps them from training pixels, for they only choose the checkpoint. To the test side they
    keep the same distance as training pixels.

    Raises InputError for labels or settings that can't be split, and where no pixel would be
    left to test on.
    """
    check_settings(labels, window, validation, train, seed=seed, smooth=smooth)
    needed = farthest_shared(window, smooth)
    guard = needed if guard is None else guard
    check_blocks(guard, block)
    ordered = in_order_of_place(labels)
    testable = separable(ordered.classes, len(ordered.numbers), guard)
    narrower = "a smaller window, less smoothing" if smooth else "a smaller window"
    if not testable.any():
        raise InputError(
            f"no class has two pixels more than {guard} rows or columns apart, so none can be on "
            f"both sides of a guard: use {narrower}, a smaller guard, or use a random split."
        )
    found = search_blocks(
        ordered.classes, testable, guard=guard, train=train, block=block, seed=seed
    )
    if not found.test.any():
        raise InputError(
            f"no test pixel is left beyond a guard of {guard} pixels: use {narrower}, "
            "a smaller guard, or use a random split."
        )
    rng = np.random.default_rng(seed)
    validated = _drawn_validation(ordered, found.train, validation, rng, patch=window)
    train_only = found.train & ~validated
    split = _split(labels, "blocks", window, smooth, seed, train_only, validated, found.test)
    assert guard < needed or split.overlap.window_overlap == 0
    can_be = np.zeros(len(labels.legend), np.bool_)
    can_be[ordered.numbers - 1] = testable
    notes = notes_on_blocks(split.names, split.counts, can_be, guard, split.overlap)
    return replace(
        split,
        guard=guard,
        block=found.block,
        offset=found.offset,
        notes=(*notes, *split.notes),
    )


def split_from_codes(
    labels: Labels,
    codes: NDArray[Any],
    *,
    window: int,
    smooth: int = 0,
    validation: float = 0.1,
    seed: int = 0,
) -> Split:
    """Take the split from a raster (H, W) of 0 none, 1 train, 2 validation, 3 test.

    4, which split.tif has for labelled pixels on no side, is none too.
    `window` and `smooth` are those of :func:`split_blocks`, for the overlap.
    Without validation pixels, the share `validation` of each class is taken from the training
    pixels, in patches as large as a window. Raises InputError for codes of another size or with
    other numbers, and if no labelled pixel is trained on or none tested on.
    """
    check_settings(labels, window, validation, seed=seed, smooth=smooth)
    check_shape(labels, codes, "the split")
    strange = ~np.isin(codes, (NONE, TRAIN, VALIDATION, TEST, GUARD))
    if strange.any():
        raise InputError(
            f"the split holds the number {codes[strange][0]}: write 0 for none, 1 for train, "
            "2 for validation, 3 for test."
        )
    train, validated, test = (codes == code for code in (TRAIN, VALIDATION, TEST))
    return _split_from_sides(labels, train, validated, test, window, smooth, validation, seed)


def split_from_masks(
    labels: Labels,
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    *,
    window: int,
    smooth: int = 0,
    validation: float = 0.1,
    seed: int = 0,
) -> Split:
    """Take the split from two masks (H, W), True on training and on test pixels.

    `labels` must hold the classes of both; `window` and `smooth` are those of
    :func:`split_blocks`, for the overlap. The share `validation` of each class is taken from
    the training pixels, in patches as large as a window. Raises InputError for masks of another
    size or that share pixels, and if no labelled pixel is trained on or none tested on.
    """
    check_settings(labels, window, validation, seed=seed, smooth=smooth)
    check_shape(labels, train, "the training mask")
    check_shape(labels, test, "the test mask")
    train, test = np.asarray(train, np.bool_), np.asarray(test, np.bool_)
    both = int(np.count_nonzero(train & test))
    if both:
        raise InputError(
            f"{both} pixels are in the training and in the test labels: take them out of one."
        )
    return _split_from_sides(
        labels, train, np.zeros_like(train), test, window, smooth, validation, seed
    )


def split_without_test(
    labels: Labels, *, window: int, validation: float = 0.1, seed: int = 0
) -> Split:
    """All labelled pixels on the training side, but the share `validation` of each class.

    Those choose the checkpoint; they are drawn in patches as large as a window. For models that are
    scored elsewhere: nothing is left here to score them on, and so nothing overlaps.
    """
    check_settings(labels, window, validation, seed=seed)
    labelled = labels.classes > 0
    rng = np.random.default_rng(seed)
    ordered = in_order_of_place(labels)
    validated = _drawn_validation(ordered, labelled, validation, rng, patch=window)
    train = labelled & ~validated
    names, assignment = labels.legend.names, np.zeros(labels.classes.shape, np.uint8)
    assignment[train], assignment[validated] = TRAIN, VALIDATION
    counts = np.stack(
        [
            np.bincount(labels.classes[assignment == side], minlength=len(names) + 1)[1:]
            if side
            else np.zeros(len(names), np.int64)
            for side in (NONE, TRAIN, VALIDATION, TEST)
        ],
        axis=1,
    )
    return Split(assignment, "file", seed, window, Overlap(window, 0.0, 0.0), names, counts)


def _split_from_sides(
    labels: Labels,
    train: NDArray[np.bool_],
    validated: NDArray[np.bool_],
    test: NDArray[np.bool_],
    window: int,
    smooth: int,
    validation: float,
    seed: int,
) -> Split:
    labelled = labels.classes > 0
    unlabelled = int(np.count_nonzero((train | validated | test) & ~labelled))
    train, validated, test = train & labelled, validated & labelled, test & labelled
    for mask, what in ((train, "train"), (test, "test")):
        if not mask.any():
            raise InputError(
                f"the split leaves no labelled pixel to {what} on: check that split and labels "
                "belong together."
            )
    drawn = not validated.any()
    if drawn:
        rng = np.random.default_rng(seed)
        ordered = in_order_of_place(labels)
        validated = _drawn_validation(ordered, train, validation, rng, patch=window)
        train = train & ~validated
    split = _split(labels, "file", window, smooth, seed if drawn else None, train, validated, test)
    notes = notes_on_split_files(split.names, split.counts, unlabelled)
    return replace(split, notes=(*notes, *split.notes))


def _drawn_validation(
    ordered: Ordered,
    train: NDArray[np.bool_],
    share: float,
    rng: np.random.Generator,
    *,
    patch: int,
) -> NDArray[np.bool_]:
    counts = np.bincount(ordered.classes[train], minlength=len(ordered.numbers) + 1)[1:]
    return draw(ordered.classes, train, validation_quota(counts, share), rng, patch=patch)


def _split(
    labels: Labels,
    kind: Literal["blocks", "random", "file"],
    window: int,
    smooth: int,
    seed: int | None,
    train: NDArray[np.bool_],
    validated: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> Split:
    assignment = np.zeros(labels.classes.shape, np.uint8)
    for code, mask in ((TRAIN, train), (VALIDATION, validated), (TEST, test)):
        assignment[mask] = code
    names = labels.legend.names
    labelled = labels.classes > 0
    pairs = 4 * labels.classes[labelled].astype(np.int64) + assignment[labelled]
    counts = np.bincount(pairs, minlength=4 * len(names) + 4).reshape(-1, 4)[1:]
    return Split(
        assignment,
        kind,
        seed,
        window,
        measure_overlap(train | validated, test, window, smooth),
        names,
        counts,
        notes=notes_on_counts(names, counts),
    )
