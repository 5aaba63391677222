"""Images with a class each, and which of them are trained on, validated on and tested on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectile.data.images.sources import ImageSource
from spectile.data.labels.legend import Legend
from spectile.data.splits.image_overlap import ImageOverlap
from spectile.data.splits.notes import FEW
from spectile.data.splits.splits import NONE, TEST, TRAIN, VALIDATION
from spectile.errors import InputError


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images for classification; make one with :func:`open_image_set`."""

    images: ImageSource
    classes: NDArray[np.int64] = field(repr=False)
    """Class indices from 0; shape (N,)."""
    sides: NDArray[np.uint8] = field(repr=False)
    """0 none, 1 train, 2 validation, 3 test; shape (N,)."""
    legend: Legend
    kind: Literal["given", "random"]
    """Where the test side comes from."""
    seed: int | None
    """What the draws started from; None where nothing was drawn."""
    notes: tuple[str, ...] = ()
    """Sentences that a reader of the scores should know."""

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images of each class on no side, train, validation, test; shape (K, 4)."""
        pairs = 4 * self.classes + self.sides
        return np.bincount(pairs, minlength=4 * len(self.legend)).reshape(-1, 4)

    def select(self, side: int) -> NDArray[np.int64]:
        """The indices of the images on a side: 1 train, 2 validation, 3 test."""
        return np.flatnonzero(self.sides == side)

    def without(self, bad: Collection[int]) -> ImageSet:
        """The same with the images `bad` on no side; all others keep their indices.

        Raises InputError where a class loses its last training image, or all the last test image.
        """
        if not bad:
            return self
        kept = replace(self, sides=sides_without(self.sides, bad))
        check_image_sides(kept)
        return replace(kept, notes=(*self.notes, note_on_bad(self.images, bad, self.sides)))

    def summary(self, overlap: ImageOverlap) -> dict[str, Any]:
        """Plain values for ``split`` in metrics.json."""
        counts = self.counts
        names = np.array(self.legend.names, dtype=object)
        tested = counts[:, TEST] > 0
        return {
            "kind": self.kind,
            "seed": self.seed,
            **images_on_sides(self.sides),
            "overlap": overlap.overlap,
            "verdict": overlap.verdict,
            "tested_classes": names[tested].tolist(),
            "untested_classes": names[~tested & (counts.sum(axis=1) > 0)].tolist(),
            "notes": [*self.notes, *notes_on_image_counts(self.legend.names, counts)],
        }


def sides_without(sides: NDArray[np.uint8], bad: Collection[int]) -> NDArray[np.uint8]:
    """`sides` (N,) with those of the images `bad` set to none."""
    left = sides.copy()
    left[list(bad)] = NONE
    return left


def note_on_bad(images: ImageSource, bad: Collection[int], sides: NDArray[np.uint8]) -> str:
    """A sentence that names the first of the images that were left out, and counts test images."""
    tested = int((sides[list(bad)] == TEST).sum())
    names = ", ".join(images.name(index) for index in sorted(bad)[:3])
    more = " ..." if len(bad) > 3 else ""
    what = "image was" if len(bad) == 1 else "images were"
    of_test = f", {tested} of the test side among them" if tested else ""
    return f"{len(bad)} {what} left out because the files are damaged{of_test}: {names}{more}."


def images_on_sides(sides: NDArray[np.uint8]) -> dict[str, int]:
    """``train_images`` and so on, for metrics.json."""
    counts = np.bincount(sides, minlength=4)
    return {
        "train_images": int(counts[TRAIN]),
        "validation_images": int(counts[VALIDATION]),
        "test_images": int(counts[TEST]),
    }


def check_image_sides(images: ImageSet) -> None:
    """Raise InputError unless every class can be trained on and something is tested on."""
    counts = images.counts
    untrained = np.flatnonzero(counts[:, TRAIN] == 0)
    if len(untrained):
        name = images.legend.names[untrained[0]]
        raise InputError(
            f"no image of the class '{name}' is left to train on: add some, or take the class out."
        )
    if not counts[:, TEST].any():
        raise InputError("no image is left to test on: add images.")


def notes_on_image_counts(names: tuple[str, ...], counts: NDArray[np.int64]) -> tuple[str, ...]:
    """Classes that scores say little about; `counts` as :attr:`ImageSet.counts`."""
    train, test = counts[:, TRAIN], counts[:, TEST]
    notes = (
        _listed("Trained on but not tested", names, np.flatnonzero((train > 0) & (test == 0))),
        _listed("Few training images", names, np.flatnonzero((train > 0) & (train < FEW)), train),
        _listed(
            "Few test images, so the score says little",
            names,
            np.flatnonzero((test > 0) & (test < FEW)),
            test,
        ),
    )
    return tuple(note for note in notes if note)


def _listed(
    what: str,
    names: tuple[str, ...],
    places: NDArray[np.intp],
    images: NDArray[np.int64] | None = None,
) -> str:
    """A sentence that names classes, with their numbers of images if given; "" for none."""
    entries = [names[p] if images is None else f"{names[p]} ({images[p]})" for p in places]
    return f"{what}: {', '.join(entries)}." if entries else ""
