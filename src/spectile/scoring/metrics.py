"""Scores of a class map from its confusion matrix, and their mean over repeated runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.errors import InputError

LABELS = {
    "overall_accuracy": "overall accuracy",
    "average_accuracy": "average accuracy",
    "kappa": "kappa",
    "mean_iou": "mean IoU",
    "mask_ap": "mask AP",
    "mask_ap50": "mask AP50",
    "mask_ap75": "mask AP75",
    "box_ap": "box AP",
}
"""The figures that sum up a run, by their names in metrics.json, as people call them."""
SUMMARY = ("overall_accuracy", "average_accuracy", "kappa", "mean_iou")
INSTANCES = ("mask_ap", "mask_ap50", "mask_ap75", "box_ap")
"""Those of runs on instances, as COCO counts them."""


@dataclass(frozen=True)
class ClassScores:
    """One class, as fractions; all but `support` are None where no test pixel is of the class.

    A tested class that the map never shows has a precision of 0, as scikit-learn has it.
    """

    precision: float | None
    """Share of the pixels mapped as the class that are of it (user's accuracy)."""
    recall: float | None
    """Share of the pixels of the class that are mapped as it (producer's accuracy)."""
    f1: float | None
    """Harmonic mean of the two."""
    iou: float | None
    """Intersection over union of the mapped and the true pixels."""
    support: int
    """Test pixels of the class."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "iou": self.iou,
            "support": self.support,
        }


@dataclass(frozen=True)
class Scores:
    """What the test pixels say of a map, as fractions; make it with :func:`score`."""

    overall_accuracy: float
    """Share of test pixels mapped right."""
    average_accuracy: float
    """Mean recall of the tested classes."""
    kappa: float
    """Cohen's kappa: 1 is perfect, 0 is what chance would reach with the same shares."""
    mean_iou: float
    """Mean intersection over union of the tested classes."""
    per_class: dict[str, ClassScores]
    """By class name, in the order of the legend."""
    confusion: NDArray[np.int64]
    """Shape (K, K), rows = truth."""

    @property
    def tested_classes(self) -> tuple[str, ...]:
        return tuple(name for name, scores in self.per_class.items() if scores.support)

    @property
    def untested_classes(self) -> tuple[str, ...]:
        return tuple(name for name, scores in self.per_class.items() if not scores.support)

    def as_dict(self) -> dict[str, Any]:
        """The part of metrics.json that is measured on test pixels; plain numbers, no NaN."""
        return {
            "overall_accuracy": self.overall_accuracy,
            "average_accuracy": self.average_accuracy,
            "kappa": self.kappa,
            "mean_iou": self.mean_iou,
            "per_class": {name: scores.as_dict() for name, scores in self.per_class.items()},
            "confusion": self.confusion.tolist(),
            "tested_classes": list(self.tested_classes),
            "untested_classes": list(self.untested_classes),
        }


def confusion(truth: NDArray[Any], prediction: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Count pixels by true class (row) and mapped class (column), shape (classes, classes).

    `truth` and `prediction` hold class indices 0 to `classes` - 1, shape (N,), of any integer
    type; raises ValueError where they differ in length or an index lies outside.
    """
    if truth.shape != prediction.shape or truth.ndim != 1:
        raise ValueError(f"two arrays of one length wanted, not {truth.shape}, {prediction.shape}")
    for name, indices in (("truth", truth), ("prediction", prediction)):
        if indices.size and (indices.min() < 0 or indices.max() >= classes):
            raise ValueError(f"{name} holds class indices outside 0 to {classes - 1}")
    # int64 before the product: uint8 indices would wrap around.
    cells = truth.astype(np.int64) * classes + prediction.astype(np.int64)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def score(confusion: NDArray[Any], names: Sequence[str]) -> Scores:
    """Scores of a confusion matrix of shape (K, K), rows = truth, with K class `names`.

    A class without test pixels is left out of the averages, but pixels mapped as it count as
    errors of the class that they truly are. Raises InputError where there is nothing to score or
    two classes share a name.
    """
    matrix = np.asarray(confusion, dtype=np.int64)
    if matrix.shape != (len(names), len(names)):
        raise ValueError(f"a matrix of shape {matrix.shape} doesn't fit {len(names)} names")
    if matrix.min(initial=0) < 0:
        raise ValueError("a confusion matrix holds counts, not negative numbers")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(f'two classes are called "{twice[0]}": give each its own name to score.')
    if not matrix.any():
        raise InputError(
            "no pixel is left to test on: give the test side of the split some labels."
        )
    per_class = {name: _class_scores(matrix, index) for index, name in enumerate(names)}
    return Scores(
        overall_accuracy=int(np.trace(matrix)) / int(matrix.sum()),
        average_accuracy=fmean(s.recall for s in per_class.values() if s.recall is not None),
        kappa=_kappa(matrix),
        mean_iou=fmean(s.iou for s in per_class.values() if s.iou is not None),
        per_class=per_class,
        confusion=matrix,
    )


def summarise(
    repeats: Sequence[Mapping[str, Any]], scores: Sequence[str] = SUMMARY
) -> tuple[dict[str, float], dict[str, float | None]]:
    """Mean and standard deviation of summary scores over runs, at least one.

    The deviation is that of a sample (n - 1 in the denominator), and None for a single run.
    """
    columns = {name: [float(run[name]) for run in repeats] for name in scores}
    mean = {name: fmean(column) for name, column in columns.items()}
    spread = {name: stdev(column) if len(column) > 1 else None for name, column in columns.items()}
    return mean, spread


def _class_scores(matrix: NDArray[np.int64], index: int) -> ClassScores:
    hits = int(matrix[index, index])
    support, mapped = int(matrix[index].sum()), int(matrix[:, index].sum())
    if not support:
        return ClassScores(precision=None, recall=None, f1=None, iou=None, support=0)
    return ClassScores(
        precision=hits / mapped if mapped else 0.0,
        recall=hits / support,
        f1=2 * hits / (support + mapped),
        iou=hits / (support + mapped - hits),
        support=support,
    )


def _kappa(matrix: NDArray[np.int64]) -> float:
    """Cohen's kappa, and 0 where truth and map are one and the same single class.

    There chance alone agrees on every pixel: the formula is 0 / 0, and no agreement beyond
    chance has been shown.
    """
    pixels, hits = int(matrix.sum()), int(np.trace(matrix))
    # Python's integers: exact, so that only the true 0 / 0 is taken for one.
    rows, columns = matrix.sum(axis=1).tolist(), matrix.sum(axis=0).tolist()
    chance = sum(row * column for row, column in zip(rows, columns, strict=True))
    if chance == pixels**2:
        return 0.0
    return float((pixels * hits - chance) / (pixels**2 - chance))
