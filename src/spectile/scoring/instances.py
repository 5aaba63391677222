"""Scores of objects found in images: average precision as COCO counts it, counts and areas.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; pycocotools counts. Objects
found are matched to those that are there, the surest first, where both share enough of what they
cover together; precision, made falling, is averaged over 101 recalls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectile.data.instances.objects import Objects
from spectile.errors import InputError
from spectile.scoring.average_precision import Found, average_precision
from spectile.scoring.overlaps import box_overlaps, mask_overlaps

Verdict = Literal["found", "invented", "found twice", ""]

MOST = 100
"""Objects of an image that count, the surest, as COCO has it; more where more are there."""
OVERLAP = 0.5
"""What an object found has to share with one that is there to be it, over what both cover."""
SIZES = ("small", "medium", "large")
"""COCO's: below 32 x 32 pixels, below 96 x 96, and above."""


@dataclass(frozen=True)
class ImageMatches:
    """What of the objects found in an image is there, at an overlap of a half."""

    sure: NDArray[np.int64]
    """Places of the objects found that are sure enough to count."""
    verdicts: list[Verdict]
    """Of each of these; empty where it is of an ignored object."""
    missed: list[int]
    """Places of objects that are there and weren't found."""
    truths: int
    """Objects that are there, ignored ones left out."""
    areas: tuple[int, int]
    """Pixels that the matched objects cover, as found and as they are."""

    @property
    def counted(self) -> int:
        """Objects found, those of ignored ones left out."""
        return sum(verdict != "" for verdict in self.verdicts)

    @property
    def mistakes(self) -> int:
        """Objects missed, invented or found twice."""
        return len(self.missed) + sum(verdict not in ("", "found") for verdict in self.verdicts)


@dataclass(frozen=True)
class InstanceScores:
    """What test images say of a network of instances; make it with :func:`score_instances`."""

    mask_ap: float
    """Mean over overlaps from 0.5 to 0.95 and over the tested classes."""
    mask_ap50: float
    mask_ap75: float
    box_ap: float
    by_size: Mapping[str, float | None]
    """Mask AP of small, medium and large objects; None where there are none."""
    per_class: Mapping[str, Mapping[str, Any]]
    images: Sequence[ImageMatches]
    sure: float
    """The score from which objects are counted."""

    @property
    def counts(self) -> dict[str, Any]:
        """Objects found and there, and how far their numbers and areas are off."""
        there = np.array([image.truths for image in self.images])
        found = np.array([image.counted for image in self.images])
        verdicts = [verdict for image in self.images for verdict in image.verdicts]
        matched, real = (sum(image.areas[side] for image in self.images) for side in (0, 1))
        return {
            "score": self.sure,
            "truth": int(there.sum()),
            "found": int(found.sum()),
            "right": verdicts.count("found"),
            "invented": verdicts.count("invented"),
            "found_twice": verdicts.count("found twice"),
            "missed": sum(len(image.missed) for image in self.images),
            "mean_error": float(np.abs(found - there).mean()),
            "mean_bias": float((found - there).mean()),
            "area_bias": matched / real - 1 if real else None,
        }

    def as_dict(self) -> dict[str, Any]:
        """The part of metrics.json that is measured on test images; plain numbers, no NaN."""
        tested = [name for name, row in self.per_class.items() if row["support"]]
        return {
            "mask_ap": self.mask_ap,
            "mask_ap50": self.mask_ap50,
            "mask_ap75": self.mask_ap75,
            "box_ap": self.box_ap,
            "mask_ap_by_size": dict(self.by_size),
            "per_class": {name: dict(row) for name, row in self.per_class.items()},
            "counts": self.counts,
            "tested_classes": tested,
            "untested_classes": [name for name in self.per_class if name not in tested],
        }


def score_instances(
    truth: Sequence[Objects], found: Sequence[Found], names: Sequence[str], *, sure: float
) -> InstanceScores:
    """Score what was `found` in each image against its `truth`, for K classes called `names`.

    Counts, areas and errors are of objects whose score is at least `sure`. Ignored objects count
    neither as missed nor what was found in them as wrong. Raises InputError where no image shows
    an object.
    """
    support = np.zeros(len(names), np.int64)
    for objects in truth:
        support += np.bincount(objects.classes[~objects.ignored], minlength=len(names))
    if not support.any():
        raise InputError("no object is left to test on: give the test side images that show some.")
    most = max(MOST, *(len(objects) for objects in truth))
    pairs = list(zip(truth, [objects for objects, _ in found], strict=True))
    masks, boxes = (
        average_precision(truth, found, names, [of(*pair) for pair in pairs], most=most)
        for of in (mask_overlaps, box_overlaps)
    )
    per_class = {
        name: {
            "mask_ap": _known(masks.of_classes[name]),
            "mask_ap50": _known(masks.of_classes_at_50[name]),
            "box_ap": _known(boxes.of_classes[name]),
            "support": int(support[place]),
        }
        for place, name in enumerate(names)
    }
    return InstanceScores(
        mask_ap=masks.ap,
        mask_ap50=masks.ap50,
        mask_ap75=masks.ap75,
        box_ap=boxes.ap,
        by_size={size: _known(getattr(masks, size)) for size in SIZES},
        per_class=per_class,
        images=[match(one, other, sure) for one, other in zip(truth, found, strict=True)],
        sure=sure,
    )


def match(truth: Objects, found: Found, sure: float) -> ImageMatches:
    """Which objects found are there: each, the surest first, takes the free one it shares most
    with, if that is enough and of its class.
    """
    objects, scores = found
    chosen = np.flatnonzero(scores >= sure)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    common = overlaps(objects, truth)
    common[objects.classes[:, None] != truth.classes[None]] = 0
    free = ~truth.ignored
    verdicts: list[Verdict] = []
    areas = [0, 0]
    for place in chosen.tolist():
        near = common[place] >= OVERLAP
        open_ones = near & free
        if open_ones.any():
            best = int(np.where(open_ones, common[place], -1).argmax())
            free[best] = False
            areas[0] += int(objects.masks[place].sum())
            areas[1] += int(truth.masks[best].sum())
            verdicts.append("found")
        elif (near & truth.ignored).any():
            verdicts.append("")
        else:
            verdicts.append("found twice" if (near & ~truth.ignored).any() else "invented")
    missed = np.flatnonzero(free).tolist()
    truths = int((~truth.ignored).sum())
    return ImageMatches(chosen, verdicts, missed, truths, (areas[0], areas[1]))


def overlaps(found: Objects, truth: Objects) -> NDArray[np.float64]:
    """Intersection over union of masks (N, G); over the found mask alone where the truth is
    ignored, of which it may be a part.
    """
    pairs = mask_overlaps(truth, found)
    shared = np.zeros((len(found), len(truth)))
    shared[pairs.found, pairs.truth] = pairs.ratio
    return shared


def best_threshold(truth: Sequence[Objects], found: Sequence[Found]) -> float:
    """The score from which objects are best counted: of the largest F1 at an overlap of a half."""
    scores, right = [np.zeros(0)], [np.zeros(0, np.bool_)]
    for objects, others in zip(truth, found, strict=True):
        matches = match(objects, others, 0.0)
        counted = np.array([verdict != "" for verdict in matches.verdicts], np.bool_)
        hits = np.array([verdict == "found" for verdict in matches.verdicts], np.bool_)
        scores.append(np.asarray(others[1], np.float64)[matches.sure][counted])
        right.append(hits[counted])
    there = sum(int((~objects.ignored).sum()) for objects in truth)
    ordered, hit = np.concatenate(scores), np.concatenate(right)
    if not hit.any():
        return OVERLAP
    order = np.argsort(-ordered, kind="stable")
    hits = np.cumsum(hit[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + there)
    return float(ordered[order][int(f1.argmax())])


def _known(score: float) -> float | None:
    """None for what there is nothing to score of, which JSON can hold."""
    return score if np.isfinite(score) else None
