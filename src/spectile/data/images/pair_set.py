"""Images with a class mask each, and which of them are trained on, validated on and tested on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectile.data.images.image_set import images_on_sides, note_on_bad, sides_without
from spectile.data.images.sources import ImageSource, MaskSource
from spectile.data.labels.counts import LabelTally
from spectile.data.labels.legend import Legend
from spectile.data.splits.image_overlap import ImageOverlap
from spectile.data.splits.overlap import MEASURES, of_tested_classes
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError

BLOCKS_VERDICT = (
    "No test tile shares a pixel with a training tile, and each is classified from its own pixels "
    f"alone: {MEASURES} within the scene."
)


@dataclass(frozen=True, eq=False)
class PairSet:
    """Images for segmentation; make one with :func:`open_pair_set` or :func:`tiles_of`."""

    images: ImageSource
    masks: MaskSource
    sides: NDArray[np.uint8] = field(repr=False)
    """0 none, 1 train, 2 validation, 3 test; shape (N,)."""
    legend: Legend
    mask_values: tuple[int, ...] | None
    """The numbers that the mask files have for the classes, in the legend's order.

    None where they have none, but colours.
    """
    kind: Literal["given", "order", "random", "blocks"]
    """Where the test side comes from."""
    seed: int | None
    """What the draws started from; None where nothing was drawn."""
    notes: tuple[str, ...] = ()
    """Sentences that a reader of the scores should know."""
    tally: LabelTally | None = None
    """Each class in the label file and on the scene, counted, where tiles were cut from one."""
    void_values: tuple[int, ...] = ()
    """The numbers that mean "no class" in the mask files."""

    def __len__(self) -> int:
        return len(self.sides)

    def select(self, side: int) -> NDArray[np.int64]:
        """The indices of the images on a side: 1 train, 2 validation, 3 test."""
        return np.flatnonzero(self.sides == side)

    def without(self, bad: Collection[int]) -> PairSet:
        """The same with the images `bad` on no side; all others keep their indices.

        Raises InputError if nothing is left to train on or to test on.
        """
        if not bad:
            return self
        kept = replace(self, sides=sides_without(self.sides, bad))
        check_pair_sides(kept.sides)
        return replace(kept, notes=(*self.notes, note_on_bad(self.images, bad, self.sides)))

    def summary(
        self, overlap: ImageOverlap, class_pixels: Mapping[int, NDArray[np.int64]]
    ) -> dict[str, Any]:
        """Plain values for ``split`` in metrics.json.

        `class_pixels` are the :attr:`ImageStore.class_pixels` (K,) of each side (1, 2, 3) that
        has images.
        """
        none = np.zeros(len(self.legend), np.int64)
        train, validation, test = (
            class_pixels.get(side, none) for side in (TRAIN, VALIDATION, TEST)
        )
        names = np.array(self.legend.names, dtype=object)
        blocks = self.kind == "blocks"
        untested = names[(test == 0) & (train + validation > 0)].tolist()
        return {
            "kind": self.kind,
            "seed": self.seed,
            **images_on_sides(self.sides),
            "train_pixels": int(train.sum()),
            "validation_pixels": int(validation.sum()),
            "test_pixels": int(test.sum()),
            "overlap": 0.0 if blocks else overlap.overlap,
            "verdict": of_tested_classes(
                BLOCKS_VERDICT if blocks else overlap.verdict,
                int(np.count_nonzero(train + validation + test)),
                untested,
                names[(train == 0) & (test > 0)].tolist(),
            ),
            "tested_classes": names[test > 0].tolist(),
            "untested_classes": untested,
            "notes": [*self.notes, *_notes_on_classes(names, train, test)],
        }


def check_pair_sides(sides: NDArray[np.uint8]) -> None:
    """Raise InputError unless there is something to train on and to test on."""
    for side, what in ((TRAIN, "train"), (TEST, "test")):
        if not (sides == side).any():
            raise InputError(f"no image is left to {what} on: add images, or change the split.")


def _notes_on_classes(
    names: NDArray[Any], train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[str, ...]:
    said = (
        ("Trained on but not tested", (train > 0) & (test == 0)),
        ("Tested without having been trained on", (train == 0) & (test > 0)),
    )
    return tuple(f"{what}: {', '.join(names[of])}." for what, of in said if of.any())
