"""Spectra in a run's report: of each class, in training and in test, and of the worst errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from spectile.data.labels.legend import Category, Legend
from spectile.reports.charts import Line, chart

SHOWN_CLASSES = 24
"""Charts on a page at most; the classes with most test pixels have one."""
TRAINING, TESTED = "var(--accent)", "var(--warn)"


@dataclass(frozen=True, eq=False)
class ClassSpectra:
    """The spectra of some pixels of a class."""

    mean: NDArray[np.float32]
    """(bands,)."""
    spread: NDArray[np.float32]
    """(bands,): their standard deviation."""
    pixels: int
    """How many they are of."""


@dataclass(frozen=True, eq=False)
class WrongSpectrum:
    """A test pixel that the map takes for another class, and is sure of."""

    row: int
    column: int
    """From 0."""
    truth: int
    found: int
    """Class indices from 0."""
    probability: float
    """What the map says of it, 0 to 1."""
    values: NDArray[np.float32]
    """(bands,)."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """What the report shows of a scene's spectra."""

    at: NDArray[np.float64]
    """(bands,): wavelengths in nanometres, or the bands' numbers from 1; rising."""
    in_nanometres: bool
    training: Sequence[ClassSpectra | None]
    """By class; None for one without pixels there."""
    tested: Sequence[ClassSpectra | None]
    errors: Sequence[WrongSpectrum]
    """The surest first."""


@dataclass(frozen=True)
class ClassChart:
    """A class, its numbers of pixels, and its chart."""

    category: Category
    training: int
    tested: int
    chart: Markup


@dataclass(frozen=True)
class ErrorChart:
    """A wrong pixel and its chart."""

    error: WrongSpectrum
    truth: Category
    found: Category
    chart: Markup


def class_charts(spectra: Spectra, legend: Legend) -> list[ClassChart]:
    """A chart for each class with pixels, those with most test pixels where they are many.

    All have the same bounds, so that bright classes look bright.
    """
    pairs = list(zip(spectra.training, spectra.tested, strict=True))
    present = [index for index, (train, test) in enumerate(pairs) if train or test]
    present.sort(key=lambda index: -_pixels(pairs[index][1]))
    shown = sorted(present[:SHOWN_CLASSES])
    bounds = _bounds([side for index in shown for side in pairs[index] if side is not None])
    charts = []
    for index in shown:
        category, (train, test) = legend.categories[index], pairs[index]
        lines = []
        if train is not None:
            lines.append(Line("training", train.mean, TRAINING, train.spread))
        if test is not None:
            lines.append(Line("test", test.mean, TESTED, test.spread, kind="dashed"))
        drawn = chart(
            lines,
            spectra.at,
            f"Spectra of {category.name}",
            bounds=bounds,
            ticks=_ticks(spectra),
        )
        charts.append(ClassChart(category, _pixels(train), _pixels(test), drawn))
    return charts


def error_charts(spectra: Spectra, legend: Legend) -> list[ErrorChart]:
    """A chart for each of the worst errors: the pixel between the class it is and the one found."""
    charts = []
    for error in spectra.errors:
        truth, found = (legend.categories[index] for index in (error.truth, error.found))
        lines = [
            *_mean(spectra, error.truth, TRAINING),
            *_mean(spectra, error.found, TESTED),
            Line("this pixel", error.values, "var(--ink)", kind="bold"),
        ]
        drawn = chart(
            lines,
            spectra.at,
            f"Spectrum of row {error.row + 1}, column {error.column + 1}",
            ticks=_ticks(spectra),
        )
        charts.append(ErrorChart(error, truth, found, drawn))
    return charts


def _mean(spectra: Spectra, index: int, color: str) -> list[Line]:
    """The mean of a class in training; none where it has no training pixels."""
    known = spectra.training[index]
    return [] if known is None else [Line("mean in training", known.mean, color)]


def _pixels(side: ClassSpectra | None) -> int:
    return 0 if side is None else side.pixels


def _bounds(sides: Sequence[ClassSpectra]) -> tuple[float, float] | None:
    ends = [side.mean + way * side.spread for side in sides for way in (1, -1)]
    return (float(np.min(ends)), float(np.max(ends))) if ends else None


def _ticks(spectra: Spectra) -> list[tuple[float, str]]:
    """Both ends and the middle."""
    first, last = float(spectra.at[0]), float(spectra.at[-1])
    unit = " nm" if spectra.in_nanometres else ""
    if first == last:
        return [(first, f"{first:.0f}{unit}")]
    # Inwards, so that the words stay inside.
    inset = (last - first) * 0.04
    return [
        (first + inset, f"{first:.0f}"),
        ((first + last) / 2, f"{(first + last) / 2:.0f}{unit}"),
        (last - inset, f"{last:.0f}"),
    ]
