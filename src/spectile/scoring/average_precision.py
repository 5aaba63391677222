"""COCO's average precision of found objects, by their masks and by their boxes.

Matching follows pycocotools' COCOeval to the letter, on masks within boxes instead of run lengths
of whole images, and looks only at pairs that overlap enough; the rest is COCOeval's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from spectile.data.instances.objects import Objects
from spectile.scoring.overlaps import Overlaps

MOST_FOUND = 100
"""Objects of an image that count, those of the highest scores: COCO's own."""

Found = tuple[Objects, NDArray[np.floating[Any]]]
"""The objects found in an image, and their scores (N,)."""


@dataclass(frozen=True)
class AveragePrecision:
    """Fractions, NaN where there is no object to find."""

    ap: float
    """Mean over intersections over unions of 0.50, 0.55 ... 0.95, and over classes."""
    ap50: float
    ap75: float
    small: float
    """Of objects of less than 32 x 32 pixels."""
    medium: float
    large: float
    """Of objects of more than 96 x 96 pixels."""
    of_classes: Mapping[str, float]
    """`ap` of each class."""
    of_classes_at_50: Mapping[str, float]
    """`ap50` of each class."""


def average_precision(
    truth: Sequence[Objects],
    found: Sequence[Found],
    names: Sequence[str],
    overlaps: Sequence[Overlaps],
    *,
    most: int = MOST_FOUND,
) -> AveragePrecision:
    """COCO's scores of the objects found in images of K classes called `names`.

    `overlaps` are those of each image, by masks or by boxes. Ignored objects of the truth are
    crowds: what is found within them is neither right nor wrong. Of an image and class the `most`
    objects with the highest scores count.
    """
    evaluation = _Evaluation(truth, found, len(names), overlaps, most)
    with redirect_stdout(StringIO()):  # COCOeval prints how far it is
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., 0]  # (T, R, K, sizes)
    small, medium, large = (_mean(precision[:, :, :, size]) for size in (1, 2, 3))
    return AveragePrecision(
        ap=_mean(precision[:, :, :, 0]),
        ap50=_mean(precision[0, :, :, 0]),
        ap75=_mean(precision[5, :, :, 0]),
        small=small,
        medium=medium,
        large=large,
        of_classes={name: _mean(precision[:, :, place, 0]) for place, name in enumerate(names)},
        of_classes_at_50={
            name: _mean(precision[0, :, place, 0]) for place, name in enumerate(names)
        },
    )


@dataclass(frozen=True, eq=False)
class _Compared:
    """The objects of one class in one image, found ones by falling score."""

    scores: NDArray[np.float64]
    areas: NDArray[np.float64]
    """Of found objects; shape (D,)."""
    truth: NDArray[np.float64]
    """Areas of the true ones; shape (G,)."""
    crowd: NDArray[np.bool_]
    fitting: Sequence[tuple[int, Sequence[tuple[int, float]]]]
    """Found objects with the true ones that they overlap enough for a threshold, and the ratio."""


class _Evaluation(COCOeval):  # type: ignore[misc]  # pycocotools has no types
    """COCOeval on arrays."""

    def __init__(
        self,
        truth: Sequence[Objects],
        found: Sequence[Found],
        classes: int,
        overlaps: Sequence[Overlaps],
        most: int,
    ) -> None:
        super().__init__(iouType="bbox")  # its own ways to compare are overridden
        self.params.imgIds = list(range(len(truth)))
        self.params.catIds = list(range(classes))
        self.params.maxDets = [most]
        self._compared = {
            (image, label): _compared(true, *ours, known, label, most, self.params.iouThrs[0])
            for image, (true, ours, known) in enumerate(zip(truth, found, overlaps, strict=True))
            for label in np.union1d(true.classes, ours[0].classes).tolist()
        }

    def _prepare(self) -> None:
        """Nothing is left to do."""

    def computeIoU(self, imgId: int, catId: int) -> None:  # noqa: N802
        """Nothing is left to do."""

    def evaluateImg(  # noqa: N802
        self, imgId: int, catId: int, aRng: Sequence[float], maxDet: int
    ) -> dict[str, Any] | None:
        """What COCOeval says of an image and class, of objects of a range of areas."""
        one = self._compared.get((imgId, catId))
        if one is None:
            return None
        low, high = aRng
        ignored = one.crowd | (one.truth < low) | (one.truth > high)
        matches = np.stack([_matched(one, ignored, least) for least in self.params.iouThrs])
        known = np.concatenate([ignored, [False]])  # the last for what matches none
        beyond = (one.areas < low) | (one.areas > high)
        return {
            "dtScores": one.scores,
            "dtMatches": matches >= 0,
            "gtIgnore": ignored,
            "dtIgnore": known[matches] | ((matches < 0) & beyond),
        }


def _compared(
    truth: Objects,
    found: Objects,
    scores: NDArray[np.floating[Any]],
    overlaps: Overlaps,
    label: int,
    most: int,
    least: float,
) -> _Compared:
    """The objects of the class `label`."""
    ours, theirs = np.flatnonzero(found.classes == label), np.flatnonzero(truth.classes == label)
    ours = ours[np.argsort(-scores[ours], kind="stable")][:most]
    row_of, place_of = np.full(len(found), -1), np.full(len(truth), -1)
    row_of[ours], place_of[theirs] = np.arange(len(ours)), np.arange(len(theirs))
    rows, places = row_of[overlaps.found], place_of[overlaps.truth]
    kept = (rows >= 0) & (places >= 0) & (overlaps.ratio >= least)
    fitting: dict[int, list[tuple[int, float]]] = {}
    pairs = zip(rows[kept], places[kept], overlaps.ratio[kept], strict=True)
    for row, place, ratio in pairs:
        fitting.setdefault(int(row), []).append((int(place), float(ratio)))
    return _Compared(
        np.asarray(scores, np.float64)[ours],
        overlaps.found_areas[ours],
        overlaps.true_pixels[theirs],
        truth.ignored[theirs],
        sorted(fitting.items()),
    )


def _matched(one: _Compared, ignored: NDArray[np.bool_], least: float) -> NDArray[np.int64]:
    """The true object of each found one at an intersection over union from `least`, or -1; (D,)."""
    least = min(least, 1 - 1e-10)
    matches = np.full(len(one.scores), -1, np.int64)
    taken: set[int] = set()
    for row, fitting in one.fitting:
        # True objects before ignored ones; of equals the last, as COCOeval has it.
        free = [
            (not ignored[place], ratio, place)
            for place, ratio in fitting
            if ratio >= least and (place not in taken or one.crowd[place])
        ]
        if free:
            matches[row] = place = max(free)[2]
            taken.add(place)
    return matches


def _mean(precision: NDArray[np.float64]) -> float:
    """The mean of all that is known; COCOeval says -1 where there is nothing to find."""
    known = precision[precision > -1]
    return float(known.mean()) if len(known) else float("nan")
