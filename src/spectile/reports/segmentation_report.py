"""The report of a segmentation network: its class masks beside the true ones, and its scores."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.legend import Category, Legend
from spectile.reports import figures, wording
from spectile.reports.page import Terms, scored, write_page
from spectile.reports.record import Record

TERMS = Terms(
    unit="pixel",
    given="taken for",
    scores=(
        ("mean_iou", "mean IoU over {tested}"),
        ("overall_accuracy", "pixel accuracy"),
        ("average_accuracy", "mean of the classes' accuracies"),
        ("kappa", "kappa"),
    ),
    columns=(("iou", "IoU"), ("recall", "Recall"), ("precision", "Precision"), ("f1", "F1")),
    bar="iou",
)

ERROR_COLORS: tuple[figures.Color, ...] = ((196, 212, 222), (213, 94, 0))
"""Right and wrong. Right is pale: it fills most of a picture, and the errors are what to see."""

LONGEST_SIDE = 560
"""Four pictures share a row, each about half as wide: sharp on fine screens."""

LOSSLESS = 200
"""Images of at most this many pixels a side are shown to the pixel."""


@dataclass(frozen=True)
class SegmentedImage:
    """An image of the test side, its true classes and what the network makes of them."""

    name: str
    picture: NDArray[np.uint8]
    """As :func:`spectile.reports.sample_picture.sample_picture` gives it, shape (h, w, 3)."""
    truth: NDArray[Any]
    """Class indices from 1, 0 = unlabelled, shape (h, w)."""
    prediction: NDArray[Any]
    """Class indices from 1, shape (h, w)."""
    accuracy: float
    """Share of the labelled pixels that are right, 0 to 1; NaN where none is labelled."""


@dataclass(frozen=True, kw_only=True)
class SegmentationRecord(Record):
    """A run as its report shows it."""

    samples: Sequence[SegmentedImage]
    """Some images of the test side, in the order in which they are shown."""
    worst: Sequence[SegmentedImage]
    """Those with the smallest share of pixels right, the worst first."""


def write_segmentation_report(
    path: str | os.PathLike[str], record: SegmentationRecord, *, heading: str
) -> None:
    """Write `record` as one HTML file that needs nothing beside itself.

    Raises InputError where the file can't be written; then none is left behind.
    """
    write_page(
        path,
        "segmentation.html.jinja",
        heading=heading,
        record=record,
        scored=scored(record.metrics, record.history, record.legend, record.extra_notes, TERMS),
        samples=[_row(image, record.legend) for image in record.samples],
        worst=[_row(image, record.legend) for image in record.worst],
        legend=_shown([*record.samples, *record.worst], record.legend),
        error_key=list(zip(("right", "wrong"), ERROR_COLORS, strict=True)),
    )


@dataclass(frozen=True)
class _Row:
    name: str
    score: str
    pixelated: bool
    pictures: Sequence[tuple[str, figures.Picture]]
    """Picture, truth, prediction and errors, each with what it is."""


def _row(image: SegmentedImage, legend: Legend) -> _Row:
    labelled = np.where(image.truth > 0, figures.TEST, 0)
    errors = figures.error_codes(image.truth, labelled, image.prediction)
    masks = {
        "truth": (image.truth, legend.colors),
        "prediction": (image.prediction, legend.colors),
        "errors": (errors, ERROR_COLORS),
    }
    picture = figures.photo(image.picture, longest=LONGEST_SIDE, lossless=LOSSLESS)
    return _Row(
        name=wording.file_name(image.name),
        score=_score(image.accuracy),
        pixelated=max(picture.width, picture.height) <= LOSSLESS,
        pictures=[
            ("image", picture),
            *(
                (name, figures.class_picture(mask, colors, longest=LONGEST_SIDE))
                for name, (mask, colors) in masks.items()
            ),
        ],
    )


def _score(accuracy: float) -> str:
    if math.isnan(accuracy):
        return "no pixel is labelled"
    return f"{wording.percent(accuracy)}% of pixels right"


def _shown(images: Sequence[SegmentedImage], legend: Legend) -> list[Category]:
    """The classes that occur in any truth or prediction, in the order of the legend."""
    masks = [mask for image in images for mask in (image.truth, image.prediction)]
    indices = set().union(*(np.unique(mask).tolist() for mask in masks))
    return [category for index, category in enumerate(legend.categories, 1) if index in indices]
