"""The report of one or several runs: a page of HTML that needs nothing beside itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.reports import figures, wording
from spectile.reports.baselines import Baselines, baselines_shown
from spectile.reports.page import Scored, Terms, leaks, scored, write_page
from spectile.reports.record import Record
from spectile.reports.spectra import ClassChart, ErrorChart, Spectra, class_charts, error_charts
from spectile.reports.stress import StressTable, stress_tables

TERMS = Terms(
    unit="pixel",
    given="mapped as",
    scores=(
        ("overall_accuracy", "overall accuracy"),
        ("average_accuracy", "average over {tested}"),
        ("kappa", "kappa"),
        ("mean_iou", "mean IoU"),
    ),
    columns=(("recall", "Recall"), ("precision", "Precision"), ("f1", "F1"), ("iou", "IoU")),
    bar="f1",
)


@dataclass(frozen=True, kw_only=True)
class RunRecord(Record):
    """One run as the report shows it."""

    quicklook: NDArray[np.uint8]
    """The scene in false colour, shape (h, w, 3); may be thinner than the rasters."""
    labels: NDArray[Any]
    """Class indices from 1, 0 = unlabelled, shape (H, W)."""
    split: NDArray[np.uint8]
    """0 none, 1 train, 2 validation, 3 test, shape (H, W)."""
    prediction: NDArray[Any]
    """The map: class indices from 1, 0 = nodata, shape (H, W)."""
    applicability: NDArray[np.uint8] | None = None
    """1 like the training pixels, 2 unlike, 0 = no data; may be thinner than the rasters."""
    spectra: Spectra | None = None


def write_report(
    path: str | os.PathLike[str], records: Sequence[RunRecord], *, heading: str
) -> None:
    """Write `records` as one HTML file, runs without overlap of train and test first.

    Raises InputError where the file can't be written; then none is left behind.
    """
    runs = [_view(record) for record in sorted(records, key=lambda run: leaks(run.metrics))]
    write_page(
        path,
        "report.html.jinja",
        heading=heading,
        runs=runs,
        advice=wording.advice([run.headline for run in runs]) if len(runs) > 1 else "",
        common_names=_common_names(records) if len(runs) > 1 else (),
    )


@dataclass(frozen=True)
class _Plate:
    """A picture with its caption and the key to its colours."""

    name: str
    caption: str
    picture: figures.Picture
    key: Sequence[tuple[str, figures.Color]] = ()


@dataclass(frozen=True)
class _View:
    """A record with all that the template shows worked out."""

    record: RunRecord
    scored: Scored
    headline: tuple[str, float, bool]
    plates: Sequence[_Plate]
    stress: Sequence[StressTable]
    baselines: Baselines | None
    spectra: Sequence[ClassChart]
    errors: Sequence[ErrorChart]


def _view(record: RunRecord) -> _View:
    metrics = record.metrics
    accuracy = (metrics.get("mean") or metrics)["overall_accuracy"]
    return _View(
        record=record,
        scored=scored(metrics, record.history, record.legend, record.extra_notes, TERMS),
        headline=(record.title, accuracy, leaks(metrics)),
        plates=_plates(record),
        stress=stress_tables(metrics["stress"]) if metrics.get("stress") else (),
        baselines=baselines_shown(metrics, leaks=leaks(metrics)),
        spectra=class_charts(record.spectra, record.legend) if record.spectra else (),
        errors=error_charts(record.spectra, record.legend) if record.spectra else (),
    )


def _plates(record: RunRecord) -> list[_Plate]:
    colors = record.legend.colors
    split = figures.split_codes(record.labels, record.split)
    errors = figures.error_codes(record.labels, record.split, record.prediction)
    return [
        _Plate(
            "Scene",
            "Three bands of the scene as red, green and blue.",
            figures.photo(record.quicklook),
        ),
        _Plate(
            "Labels", "What is known of the ground.", figures.class_picture(record.labels, colors)
        ),
        _Plate(
            "Split",
            "Which labels the network learnt from and which it was tested on.",
            figures.class_picture(split, figures.SPLIT_COLORS),
            _key(split, _SIDES, figures.SPLIT_COLORS),
        ),
        _Plate(
            "Map",
            "The class that the network gives to each pixel.",
            figures.class_picture(record.prediction, colors),
        ),
        _Plate(
            "Errors",
            "Test pixels alone, by whether the map agrees with the label.",
            figures.class_picture(errors, figures.ERROR_COLORS),
            _key(errors, ("right", "wrong"), figures.ERROR_COLORS),
        ),
        *_applicability(record.applicability),
    ]


def _applicability(codes: NDArray[np.uint8] | None) -> list[_Plate]:
    if codes is None:
        return []
    colors = figures.APPLICABILITY_COLORS
    return [
        _Plate(
            "Applicability",
            "Where pixels are like those that the network learnt from; elsewhere it guesses.",
            figures.class_picture(codes, colors),
            _key(codes, ("like training", "unlike"), colors),
        )
    ]


_SIDES = ("training", "validation", "test", "labelled, not used")


def _key(
    codes: NDArray[np.uint8], names: Sequence[str], colors: Sequence[figures.Color]
) -> list[tuple[str, figures.Color]]:
    """Name and colour of the codes 1, 2, ... that occur."""
    entries = enumerate(zip(names, colors, strict=True), start=1)
    return [entry for code, entry in entries if (codes == code).any()]


def _common_names(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """The class names of the runs where all share one legend, else none."""
    first, *others = [record.legend.names for record in records]
    return first if all(names == first for names in others) else ()
