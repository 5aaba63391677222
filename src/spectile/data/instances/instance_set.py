"""Images with their objects, and which of them are trained on, validated on and tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectile.data.images.image_set import images_on_sides, note_on_bad, sides_without
from spectile.data.images.sources import ImageSource
from spectile.data.instances.objects import Objects
from spectile.data.labels.legend import Legend
from spectile.data.splits.image_overlap import ImageOverlap
from spectile.data.splits.overlap import of_tested_classes
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError


@dataclass(frozen=True, eq=False)
class InstanceSet:
    """Images in which objects are to be found.

    Make one with :func:`~spectile.data.instances.coco.open_coco`,
    :func:`~spectile.data.instances.label_images.open_label_images` or
    :func:`~spectile.data.instances.scene_polygons.instances_of_scene`.
    """

    images: ImageSource
    objects: Sequence[Objects] = field(repr=False)
    """Of each image."""
    sides: NDArray[np.uint8] = field(repr=False)
    """0 none, 1 train, 2 validation, 3 test; shape (N,)."""
    legend: Legend
    """Its classes in the order of their numbers in :attr:`Objects.classes`."""
    kind: Literal["given", "random", "blocks"]
    """Where the test side comes from."""
    seed: int | None
    """What the draws started from; None where nothing was drawn."""
    notes: tuple[str, ...] = ()
    """Sentences that a reader of the scores should know."""
    verdict: str | None = None
    """How far to trust scores, where it isn't for equal images to say: of tiles of a scene."""

    def __len__(self) -> int:
        return len(self.sides)

    def select(self, side: int) -> NDArray[np.int64]:
        """The indices of the images on a side: 1 train, 2 validation, 3 test."""
        return np.flatnonzero(self.sides == side)

    def without(self, bad: Collection[int]) -> InstanceSet:
        """The same with the images `bad` on no side; all others keep their indices.

        Raises InputError if nothing is left to train on or to test on.
        """
        if not bad:
            return self
        kept = replace(self, sides=sides_without(self.sides, bad))
        check_instance_sides(kept)
        return replace(kept, notes=(*self.notes, note_on_bad(self.images, bad, self.sides)))

    def counts(self, side: int) -> NDArray[np.int64]:
        """Objects of each class on a side that are learnt or scored, shape (K,)."""
        found = np.zeros(len(self.legend), np.int64)
        for index in self.select(side):
            objects = self.objects[int(index)]
            found += np.bincount(objects.classes[~objects.ignored], minlength=len(found))
        return found

    def ignored(self, side: int) -> int:
        """Objects on a side that are neither learnt nor scored."""
        return sum(int(self.objects[int(index)].ignored.sum()) for index in self.select(side))

    def fingerprint(self, index: int) -> bytes:
        """A hash of an image's objects: equal ones teach a network the same."""
        objects, digest = self.objects[index], hashlib.blake2b(digest_size=16)
        for part in (objects.classes, objects.boxes, objects.ignored, *objects.masks):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.digest()

    def summary(self, overlap: ImageOverlap) -> dict[str, Any]:
        """Plain values for ``split`` in metrics.json."""
        train, validation, test = (self.counts(side) for side in (TRAIN, VALIDATION, TEST))
        names = np.array(self.legend.names, dtype=object)
        untested = names[(test == 0) & (train + validation > 0)].tolist()
        return {
            "kind": self.kind,
            "seed": self.seed,
            **images_on_sides(self.sides),
            "train_objects": int(train.sum()),
            "validation_objects": int(validation.sum()),
            "test_objects": int(test.sum()),
            "ignored_test_objects": self.ignored(TEST),
            "overlap": 0.0 if self.verdict else overlap.overlap,
            "verdict": of_tested_classes(
                self.verdict or overlap.verdict,
                int(np.count_nonzero(train + validation + test)),
                untested,
                names[(train == 0) & (test > 0)].tolist(),
            ),
            "tested_classes": names[test > 0].tolist(),
            "untested_classes": untested,
            "notes": list(self.notes),
        }


def check_instance_sides(images: InstanceSet) -> None:
    """Raise InputError unless there are objects to train on and to test on."""
    for side, what in ((TRAIN, "train"), (TEST, "test")):
        if not (images.sides == side).any():
            raise InputError(f"no image is left to {what} on: add images, or change the split.")
        if not images.counts(side).any():
            raise InputError(
                f"the images to {what} on show no object: add some that do, or change the split."
            )
