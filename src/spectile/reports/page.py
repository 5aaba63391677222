"""What the reports of all tasks share: scores worked out for the page, and the page itself."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from spectile.data.labels.counts import shown_columns
from spectile.data.labels.legend import Category, Legend
from spectile.files import write_aside
from spectile.reports import certainty, figures, wording

READABLE_CLASSES = 24
"""With more classes than this the confusion matrix shows shades without numbers."""

DRAWN_CLASSES = 400
"""With more classes than this the matrix is left out: 160 000 cells take a browser seconds."""

CONFUSED_PAIRS = 10
"""Of the classes taken for each other, this many pairs are listed."""

KAPPA = "kappa"
"""The one score that isn't a share, so it is shown without a percent sign."""


@dataclass(frozen=True)
class Terms:
    """How the report of a task says things."""

    unit: str
    """What is right or wrong: "pixel", "image"."""
    given: str
    """What stands between a true class and the network's: "mapped as"."""
    scores: Sequence[tuple[str, str]]
    """Figures of the whole run, the one to go by first: name in metrics.json and label.

    In a label "{tested}" stands for the tested classes: "average over {tested}".
    """
    columns: Sequence[tuple[str, str]]
    """Figures of a class: name in metrics.json and head of the column."""
    bar: str
    """The figure of a class that its bar shows."""

    @property
    def units(self) -> str:
        return f"{self.unit}s"


@dataclass(frozen=True)
class Score:
    """A figure of the whole run, in words."""

    label: str
    value: str
    spread: str
    bounds: str
    """The 95% interval; empty where there is none, and for means of repeats."""
    unit: str


@dataclass(frozen=True)
class Cell:
    """One truth and one prediction of the confusion matrix."""

    count: int
    share: float
    """Of the row, 0 to 1."""


@dataclass(frozen=True)
class MatrixRow:
    """One true class of the confusion matrix."""

    category: Category
    support: int
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Confusion:
    """A class that was taken for another."""

    truth: Category
    prediction: Category
    count: int
    share: float
    """Of what truly is of the first class, 0 to 1."""


@dataclass(frozen=True)
class Scored:
    """The scores of a run with all that the page shows of them."""

    terms: Terms
    metrics: Mapping[str, Any]
    leaks: bool
    scores: Sequence[Score]
    notes: Sequence[str]
    untested: Sequence[str]
    classes: Sequence[tuple[Category, Mapping[str, Any]]]
    means: Mapping[str, float | None]
    matrix: Sequence[MatrixRow]
    confused: Sequence[Confusion]
    curves: Markup | None
    times: Sequence[tuple[str, str]]
    label_columns: Sequence[tuple[str, str]]
    """Keys and heads of the table of what became of the labels; none where nothing did."""


def scored(
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    legend: Legend,
    extra_notes: Sequence[str],
    terms: Terms,
) -> Scored:
    """Work out what the page shows of `metrics` (metrics.json) and `history` (history.csv)."""
    per_class = metrics["per_class"]
    tested = [row for row in per_class.values() if row["support"]]
    untested = [name for name, row in per_class.items() if not row["support"]]
    matrix = _matrix(legend, metrics["confusion"]) if "confusion" in metrics else []
    return Scored(
        terms=terms,
        metrics=metrics,
        leaks=leaks(metrics),
        scores=_scores(metrics, terms, len(tested)),
        notes=_notes(metrics, untested, extra_notes, terms),
        untested=untested,
        classes=[(category, per_class[category.name]) for category in legend.categories],
        means={name: _mean([row[name] for row in tested]) for name, _ in terms.columns},
        matrix=matrix,
        confused=_confused(matrix),
        curves=figures.learning_curves(history, of=terms.units) if _in_steps(history) else None,
        times=_times(metrics["seconds"], history),
        label_columns=(shown_columns(metrics["labels"]) or ()) if "labels" in metrics else (),
    )


def _in_steps(history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether anything was learnt step by step, and not found at once."""
    return any(row.get("train_loss") is not None for row in history)


def leaks(metrics: Mapping[str, Any]) -> bool:
    """Whether any of the runs behind the scores was tested where it had trained."""
    runs = [metrics, *(metrics.get("repeats") or ())]
    return any(wording.leaks(run["split"]) for run in runs if "split" in run)


def write_page(path: str | os.PathLike[str], template: str, **content: Any) -> None:
    """Write `template`, one of those beside this file, filled with `content`.

    Raises InputError where the file can't be written; then none is left behind.
    """
    page = _environment().get_template(template).render(content)
    with write_aside(path) as aside:
        # A name with bytes that aren't text (surrogates) comes out as a numbered character.
        aside.write_bytes(page.encode("utf-8", "xmlcharrefreplace"))


def is_page(path: Path) -> bool:
    """Whether a file begins as :func:`write_page` writes it."""
    with path.open("rb") as file:
        start = file.read(512)
    return start.lstrip().startswith(b"<!doctype html>") and b"Content-Security-Policy" in start


def _scores(metrics: Mapping[str, Any], terms: Terms, tested: int) -> list[Score]:
    values, spreads = metrics.get("mean") or metrics, metrics.get("std") or {}
    # That of the first repeat is none of the mean.
    intervals = {} if "mean" in metrics else metrics.get("intervals", {}).get("scores", {})
    classes = f"{tested} {'class' if tested == 1 else 'classes'}"
    scores = []
    for name, label in terms.scores:
        say = wording.fixed if name == KAPPA else wording.percent
        spread = spreads.get(name)
        scores.append(
            Score(
                label=label.format(tested=classes),
                value=say(values[name]),
                spread="" if spread is None else f"± {say(spread)}",
                bounds=certainty.bounds_in_words(name, intervals.get(name)),
                unit="" if name == KAPPA else "%",
            )
        )
    return scores


def _notes(
    metrics: Mapping[str, Any],
    untested: Sequence[str],
    extra_notes: Sequence[str],
    terms: Terms,
) -> list[str]:
    notes = []
    repeats = metrics.get("repeats")
    if repeats:
        notes.append(
            f"Scores above are the mean and standard deviation of {len(repeats)} runs; "
            f"what follows shows the run with seed {metrics['seed']}."
        )
    if untested:
        notes.append(
            f"Without test {terms.units}, so left out of every score: {', '.join(untested)}."
        )
    return [*notes, *(metrics["split"].get("notes") or ()), *extra_notes]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None


def _matrix(legend: Legend, confusion: Sequence[Sequence[int]]) -> list[MatrixRow]:
    rows = []
    for category, counts in zip(legend.categories, confusion, strict=True):
        support = sum(counts)
        cells = [Cell(count, count / support if support else 0.0) for count in counts]
        rows.append(MatrixRow(category, support, cells))
    return rows


def _confused(matrix: Sequence[MatrixRow]) -> list[Confusion]:
    """The pairs of classes mistaken most often, most frequent first."""
    pairs = [
        Confusion(row.category, matrix[column].category, cell.count, cell.share)
        for place, row in enumerate(matrix)
        for column, cell in enumerate(row.cells)
        if cell.count and column != place
    ]
    return sorted(pairs, key=lambda pair: (-pair.count, -pair.share))[:CONFUSED_PAIRS]


def _times(
    seconds: Mapping[str, float | None], history: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    times = [(step, wording.duration(taken)) for step, taken in seconds.items()]
    waits = [
        (row["waiting"], row["seconds"])
        for row in history
        if row.get("waiting") is not None and row.get("seconds")
    ]
    if waits:
        waited = sum(share * taken for share, taken in waits) / sum(taken for _, taken in waits)
        times.append(("share of the fit spent waiting for data", f"{wording.percent(waited)}%"))
    return times


def _environment() -> Environment:
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
        "duration": wording.duration,
        "signed": wording.signed,
        "capitalized": wording.capitalized,
        "flatten": wording.flatten,
        "split_in_words": wording.split_in_words,
        "bounds_in_words": certainty.bounds_in_words,
        "intervals_in_words": certainty.intervals_in_words,
        "calibration_in_words": certainty.calibration_in_words,
        "error_in_words": certainty.error_in_words,
        "amount": certainty.amount,
        "amounts": certainty.amounts,
        "reliability_curve": figures.reliability_curve,
        "rgb": lambda color: "rgb({} {} {})".format(*color),
    }
    environment.globals |= {"readable_classes": READABLE_CLASSES, "drawn_classes": DRAWN_CLASSES}
    return environment
