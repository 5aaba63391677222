"""The report of an image classifier: what it says of single images, and how often it is right."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.legend import Legend
from spectile.reports import figures, wording
from spectile.reports.page import Terms, scored, write_page
from spectile.reports.record import Record

TERMS = Terms(
    unit="image",
    given="taken for",
    scores=(
        ("overall_accuracy", "accuracy"),
        ("average_accuracy", "average over {tested}"),
        ("kappa", "kappa"),
    ),
    columns=(("recall", "Recall"), ("precision", "Precision"), ("f1", "F1")),
    bar="f1",
)

LONGEST_SIDE = 320
"""Samples are shown about half as wide: sharp on fine screens, and the page stays light."""

LOSSLESS = 96
"""Samples of at most this many pixels a side are shown to the pixel."""


@dataclass(frozen=True)
class ClassifiedImage:
    """An image of the test side and what the network says of it."""

    name: str
    picture: NDArray[np.uint8]
    """As :func:`spectile.reports.sample_picture.sample_picture` gives it, shape (h, w, 3)."""
    truth: int
    """Class index, from 0."""
    prediction: int
    """Class index, from 0."""
    probability: float
    """The probability that the network gives to its prediction, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class ClassificationRecord(Record):
    """A run as its report shows it."""

    samples: Sequence[ClassifiedImage]
    """Some images of the test side, in the order in which they are shown."""
    mistakes: Sequence[ClassifiedImage]
    """Images taken for another class, those that the network is surest of first."""


def write_classification_report(
    path: str | os.PathLike[str], record: ClassificationRecord, *, heading: str
) -> None:
    """Write `record` as one HTML file that needs nothing beside itself.

    Raises InputError where the file can't be written; then none is left behind.
    """
    write_page(
        path,
        "classification.html.jinja",
        heading=heading,
        record=record,
        scored=scored(record.metrics, record.history, record.legend, record.extra_notes, TERMS),
        samples=[_sample(image, record.legend) for image in record.samples],
        mistakes=[_sample(image, record.legend) for image in record.mistakes],
    )


@dataclass(frozen=True)
class _Sample:
    name: str
    picture: figures.Picture
    pixelated: bool
    truth: str
    prediction: str
    right: bool
    probability: float


def _sample(image: ClassifiedImage, legend: Legend) -> _Sample:
    picture = figures.photo(image.picture, longest=LONGEST_SIDE, lossless=LOSSLESS)
    return _Sample(
        name=wording.file_name(image.name),
        picture=picture,
        pixelated=max(picture.width, picture.height) <= LOSSLESS,
        truth=legend.names[image.truth],
        prediction=legend.names[image.prediction],
        right=image.truth == image.prediction,
        probability=image.probability,
    )
