"""The report of one or several runs: a page of HTML that needs nothing beside itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from numpy.typing import NDArray

from spectile.files import write_aside
from spectile.scenes.legend import Category, Legend
from spectile.scoring import figures, wording
from spectile.scoring.metrics import SUMMARY

READABLE_CLASSES = 24
"""With more classes than this the confusion matrix shows shades without numbers."""


@dataclass(frozen=True)
class RunRecord:
    """One run as the report shows it."""

    title: str
    """What sets the run apart from its neighbours in the report, "Blocks" for example."""
    config: Mapping[str, Any]
    """The resolved configuration, nested as in config.yaml."""
    metrics: Mapping[str, Any]
    """What metrics.json holds."""
    history: Sequence[Mapping[str, Any]]
    """One row an epoch, as in history.csv."""
    legend: Legend
    quicklook: NDArray[np.uint8]
    """The scene in false colour, shape (h, w, 3); may be thinner than the rasters."""
    labels: NDArray[Any]
    """Classes by their place in the legend, 0 = unlabelled, shape (H, W)."""
    split: NDArray[np.uint8]
    """0 none, 1 train, 2 validation, 3 test, shape (H, W)."""
    prediction: NDArray[Any]
    """The map: classes by their place in the legend, 0 = nodata, shape (H, W)."""
    extra_notes: tuple[str, ...] = ()
    """Sentences that a reader of the scores should know: dropped bands, for example."""


def write_report(
    path: str | os.PathLike[str], records: Sequence[RunRecord], *, heading: str
) -> None:
    """Write `records` as one HTML file, runs without overlap of train and test first.

    Raises InputError where the file can't be written; then none is left behind.
    """
    runs = [_view(record) for record in sorted(records, key=_leaks)]
    page = _template().render(
        heading=heading,
        runs=runs,
        advice=wording.advice([run.headline for run in runs]) if len(runs) > 1 else "",
        common_names=_common_names(records) if len(runs) > 1 else (),
    )
    with write_aside(path) as aside:
        # A name with bytes that aren't text (surrogates) comes out as a numbered character.
        aside.write_bytes(page.encode("utf-8", "xmlcharrefreplace"))


@dataclass(frozen=True)
class _Score:
    label: str
    value: str
    spread: str
    unit: str


@dataclass(frozen=True)
class _Plate:
    """A picture with its caption and the key to its colours."""

    name: str
    caption: str
    picture: figures.Picture
    key: Sequence[tuple[str, figures.Color]] = ()


@dataclass(frozen=True)
class _Cell:
    count: int
    share: float
    """Of the row's pixels, 0 to 1."""


@dataclass(frozen=True)
class _MatrixRow:
    category: Category
    support: int
    cells: Sequence[_Cell]


@dataclass(frozen=True)
class _View:
    """A record with all that the template shows worked out."""

    record: RunRecord
    leaks: bool
    headline: tuple[str, float, bool]
    scores: Sequence[_Score]
    untested: Sequence[str]
    plates: Sequence[_Plate]
    classes: Sequence[tuple[Category, Mapping[str, Any]]]
    means: Mapping[str, float]
    matrix: Sequence[_MatrixRow]
    curves: Markup | None


def _view(record: RunRecord) -> _View:
    metrics = record.metrics
    per_class = metrics["per_class"]
    tested = [row for row in per_class.values() if row["support"]]
    accuracy = (metrics.get("mean") or metrics)["overall_accuracy"]
    return _View(
        record=record,
        leaks=_leaks(record),
        headline=(record.title, accuracy, _leaks(record)),
        scores=_scores(metrics, len(tested)),
        untested=[name for name, row in per_class.items() if not row["support"]],
        plates=_plates(record),
        classes=[(category, per_class[category.name]) for category in record.legend.categories],
        means={
            name: sum(row[name] for row in tested) / len(tested)
            for name in ("recall", "precision", "f1", "iou")
        },
        matrix=_matrix(record.legend, metrics["confusion"]),
        curves=figures.learning_curves(record.history) if record.history else None,
    )


def _leaks(record: RunRecord) -> bool:
    """Whether any of the runs behind the record's scores was tested where it had trained."""
    runs = [record.metrics, *(record.metrics.get("repeats") or ())]
    return any(wording.leaks(run["split"]) for run in runs if "split" in run)


def _scores(metrics: Mapping[str, Any], tested: int) -> list[_Score]:
    labels = {
        "overall_accuracy": "overall accuracy",
        "average_accuracy": f"average over {tested} {'class' if tested == 1 else 'classes'}",
        "kappa": "kappa",
        "mean_iou": "mean IoU",
    }
    values, spreads = metrics.get("mean") or metrics, metrics.get("std") or {}
    scores = []
    for name in SUMMARY:
        say = wording.fixed if name == "kappa" else wording.percent
        spread = spreads.get(name)
        scores.append(
            _Score(
                label=labels[name],
                value=say(values[name]),
                spread="" if spread is None else f"± {say(spread)}",
                unit="" if name == "kappa" else "%",
            )
        )
    return scores


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
    ]


_SIDES = ("training", "validation", "test", "labelled, not used")


def _key(
    codes: NDArray[np.uint8], names: Sequence[str], colors: Sequence[figures.Color]
) -> list[tuple[str, figures.Color]]:
    """Name and colour of the codes 1, 2, ... that occur."""
    entries = enumerate(zip(names, colors, strict=True), start=1)
    return [entry for code, entry in entries if (codes == code).any()]


def _matrix(legend: Legend, confusion: Sequence[Sequence[int]]) -> list[_MatrixRow]:
    rows = []
    for category, counts in zip(legend.categories, confusion, strict=True):
        support = sum(counts)
        cells = [_Cell(count, count / support if support else 0.0) for count in counts]
        rows.append(_MatrixRow(category, support, cells))
    return rows


def _common_names(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """The class names of the runs where all share one legend, else none."""
    first, *others = [record.legend.names for record in records]
    return first if all(names == first for names in others) else ()


def _times(seconds: Mapping[str, float | None]) -> list[tuple[str, str]]:
    return [(step, wording.duration(taken)) for step, taken in seconds.items()]


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "fixed": wording.fixed,
        "count": wording.count,
        "flatten": wording.flatten,
        "split_in_words": wording.split_in_words,
        "rgb": lambda color: "rgb({} {} {})".format(*color),
    }
    environment.globals |= {"readable_classes": READABLE_CLASSES, "times": _times}
    return environment.get_template("report.html.jinja")
