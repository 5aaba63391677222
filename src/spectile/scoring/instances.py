"""Scores of objects found in images: average precision as COCO counts it, counts and areas.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; pycocotools counts. Objects
found are matched to those that are there, the surest first, where both share enough of what they
cover together; precision, made falling, is averaged over 101 recalls.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from spectile.compat.pycocotools import encoded, shared
from spectile.data.instances.objects import Objects
from spectile.errors import InputError

Found = tuple[Objects, NDArray[np.float64]]
"""Objects of an image and their scores (N,)."""
Verdict = Literal["found", "invented", "found twice", ""]

MOST = 100
"""Objects of an image that count, the surest, as COCO has it; more where more are there."""
OVERLAP = 0.5
"""What an object found has to share with one that is there to be it, over what both cover."""
SIZES = ("all", "small", "medium", "large")
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
    masks = _precision(truth, found, len(names), "segm", most)
    boxes = _precision(truth, found, len(names), "bbox", most)
    per_class = {
        name: {
            "mask_ap": _mean(masks[:, :, place, 0]),
            "mask_ap50": _mean(masks[0, :, place, 0]),
            "box_ap": _mean(boxes[:, :, place, 0]),
            "support": int(support[place]),
        }
        for place, name in enumerate(names)
    }
    return InstanceScores(
        mask_ap=_mean(masks[..., 0]) or 0.0,
        mask_ap50=_mean(masks[0, ..., 0]) or 0.0,
        mask_ap75=_mean(masks[5, ..., 0]) or 0.0,
        box_ap=_mean(boxes[..., 0]) or 0.0,
        by_size={name: _mean(masks[..., place]) for place, name in enumerate(SIZES) if place},
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
    if not len(found) or not len(truth):
        return np.zeros((len(found), len(truth)))
    crowds = truth.ignored.astype(np.uint8).tolist()
    return shared(_codes(found), _codes(truth), crowds)


def best_threshold(truth: Sequence[Objects], found: Sequence[Found]) -> float:
    """The score from which objects are best counted: of the largest F1 at an overlap of a half."""
    scores, right = [np.zeros(0)], [np.zeros(0, np.bool_)]
    for objects, others in zip(truth, found, strict=True):
        matches = match(objects, others, 0.0)
        counted = np.array([verdict != "" for verdict in matches.verdicts], np.bool_)
        hits = np.array([verdict == "found" for verdict in matches.verdicts], np.bool_)
        scores.append(others[1][matches.sure][counted])
        right.append(hits[counted])
    there = sum(int((~objects.ignored).sum()) for objects in truth)
    ordered, hit = np.concatenate(scores), np.concatenate(right)
    if not hit.any():
        return OVERLAP
    order = np.argsort(-ordered, kind="stable")
    hits = np.cumsum(hit[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + there)
    return float(ordered[order][int(f1.argmax())])


def _precision(
    truth: Sequence[Objects], found: Sequence[Found], classes: int, kind: str, most: int
) -> NDArray[np.float64]:
    """Precision (overlaps, recalls, classes, sizes); -1 where there is nothing to find."""
    with redirect_stdout(io.StringIO()):
        real, given = COCO(), COCO()
        real.dataset = _dataset(truth, None, classes)
        given.dataset = _dataset([one for one, _ in found], [one for _, one in found], classes)
        real.createIndex()
        given.createIndex()
        evaluation = COCOeval(real, given, kind)
        evaluation.params.maxDets = [1, 10, most]
        evaluation.evaluate()
        evaluation.accumulate()
    precision: NDArray[np.float64] = evaluation.eval["precision"][..., -1]
    return precision


def _dataset(
    images: Sequence[Objects], scores: Sequence[NDArray[np.float64]] | None, classes: int
) -> dict[str, Any]:
    """Objects as pycocotools has them."""
    annotations: list[dict[str, Any]] = []
    for image, objects in enumerate(images):
        for place, code in enumerate(_codes(objects)):
            left, top, right, bottom = objects.boxes[place].tolist()
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": int(objects.classes[place]),
                "segmentation": code,
                "area": int(objects.masks[place].sum()),
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": int(objects.ignored[place]),
            }
            if scores is not None:
                annotation["score"] = float(scores[image][place])
            annotations.append(annotation)
    return {
        "images": [
            {"id": image, "height": objects.height, "width": objects.width}
            for image, objects in enumerate(images)
        ],
        "annotations": annotations,
        "categories": [{"id": place} for place in range(classes)],
    }


def _codes(objects: Objects) -> list[Any]:
    """Run-length codes of masks in their image."""
    codes = []
    whole = np.zeros((objects.height, objects.width), np.uint8, order="F")
    for (left, top, right, bottom), mask in zip(objects.boxes, objects.masks, strict=True):
        whole[top:bottom, left:right] = mask
        codes.append(encoded(whole))
        whole[top:bottom, left:right] = 0
    return codes


def _mean(precision: NDArray[np.float64]) -> float | None:
    """The mean of what is known."""
    known = precision[precision > -1]
    return float(known.mean()) if known.size else None
