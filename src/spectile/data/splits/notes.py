"""What a reader of the scores should know about a split, in sentences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectile.data.splits.overlap import Overlap, farthest_shared, percent

FEW = 10
"""A class with fewer training or test pixels is named."""


def notes_on_counts(names: tuple[str, ...], counts: NDArray[np.int64]) -> tuple[str, ...]:
    """Classes that scores say little about.

    `counts` has shape (K, 4): on neither side, train, validation, test.
    """
    _, train, validation, test = counts.T
    labelled = counts.sum(axis=1)
    trained = train + validation
    notes = [
        _listed(
            "Trained on but not tested, because the class has a single labelled pixel",
            names,
            (labelled == 1) & (train == 1),
        ),
        _listed("Tested without having been trained on", names, (trained == 0) & (test > 0)),
        _listed("Few training pixels", names, (train > 0) & (train < FEW), train),
        _listed(
            "Few test pixels, so the score says little",
            names,
            (test > 0) & (test < FEW),
            test,
        ),
    ]
    return tuple(note for note in notes if note)


def notes_on_blocks(
    names: tuple[str, ...],
    counts: NDArray[np.int64],
    testable: NDArray[np.bool_],
    guard: int,
    overlap: Overlap,
) -> tuple[str, ...]:
    """What the guard costs, and what a loosened one lets through."""
    labelled = counts.sum(axis=1)
    untested = (labelled > 1) & (counts[:, 3] == 0)
    notes = [
        _listed(
            f"Trained on but not tested, because a guard of {guard} pixels would leave next to "
            "nothing of the class on both sides",
            names,
            untested & ~testable,
        ),
        _listed(
            "Trained on but not tested, because no split was found that keeps the class on both "
            "sides along with the others",
            names,
            untested & testable,
        ),
    ]
    lost = counts[:, 0].sum() / labelled.sum()
    if lost:
        notes.append(
            f"{percent(lost)} of the labelled pixels lie in the guard between training and test "
            "and are used for neither."
        )
    needed = farthest_shared(overlap.window, overlap.smooth)
    if guard < needed:
        share = percent(overlap.window_overlap)
        smoothed = f", smoothed in a radius of {overlap.smooth}," if overlap.smooth else ""
        notes.append(
            f"The guard of {guard} pixels is less than the {needed} that windows of "
            f"{overlap.window} pixels{smoothed} need: {share} of "
            + (
                "test pixels depend on pixels of"
                if overlap.smooth
                else "test windows share pixels with"
            )
            + " a training window."
        )
    return tuple(note for note in notes if note)


def notes_on_split_files(
    names: tuple[str, ...], counts: NDArray[np.int64], unlabelled: int
) -> tuple[str, ...]:
    """Where the split of a file and the labels don't match."""
    labelled = counts.sum(axis=1)
    notes = []
    if unlabelled:
        notes.append(f"{unlabelled} pixels of the split have no label and are left out.")
    unused = counts[:, 0].sum() / labelled.sum()
    if unused:
        notes.append(f"{percent(unused)} of the labelled pixels are on neither side of the split.")
    untested = (labelled > 1) & (counts[:, 3] == 0)
    notes.append(_listed("Not tested, because the split has no test pixel of it", names, untested))
    return tuple(note for note in notes if note)


def _listed(
    what: str,
    names: tuple[str, ...],
    wanted: NDArray[np.bool_],
    pixels: NDArray[np.int64] | None = None,
) -> str:
    """A sentence that names the wanted classes, with their pixels if given; "" for none."""
    entries = [
        names[index] if pixels is None else f"{names[index]} ({pixels[index]})"
        for index in np.flatnonzero(wanted)
    ]
    return f"{what}: {', '.join(entries)}." if entries else ""
