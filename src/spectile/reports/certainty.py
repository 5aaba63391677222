"""How sure the numbers around a score are, in words: intervals, calibration, areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectile.reports import wording

KAPPA = "kappa"
SURE, SUREST = 2 / 3, 14 / 15
"""Probabilities that people call likely: what a reader would lean on, and might not."""
ENOUGH = 30
"""Pixels that such a sentence is about at least."""


def bounds_in_words(name: str, bounds: Sequence[float] | None) -> str:
    """An interval of the score `name`, in percent but for kappa; nothing for none."""
    if not bounds:
        return ""
    low, high = bounds
    if name == KAPPA:
        return f"{wording.fixed(low, 2)}–{wording.fixed(high, 2)}"
    decimals = 0 if high - low > 0.05 else 1
    return f"{wording.percent(low, decimals)}–{wording.percent(high, decimals)}"


def intervals_in_words(intervals: Mapping[str, Any]) -> str:
    """What the intervals beside the scores were made of, or why there are none."""
    if intervals["note"] is not None:
        return str(intervals["note"])
    edge, blocks, effective = (
        intervals[key] for key in ("block_edge", "blocks", "effective_blocks")
    )
    good = f" (as good as {effective:.1f} of equal size)" if round(effective) < blocks else ""
    return (
        f"In brackets: {wording.percent(intervals['confidence'], 0)}% intervals, by resampling the "
        f"{blocks} blocks of {edge} x {edge} pixels that hold test pixels{good}. They say how far "
        "a score may be off on other ground of this kind."
    )


def calibration_in_words(calibration: Mapping[str, Any]) -> str:
    """What the map's probabilities are worth."""
    bins = calibration["bins"]
    if not bins:
        return "No test pixel tells what the probabilities are worth."
    likely = [row for row in bins if row["low"] > SURE - 1e-6 and row["high"] < SUREST + 1e-6]
    if sum(row["pixels"] for row in likely) < ENOUGH:
        likely = [max(bins, key=lambda row: int(row["pixels"]))]
    says, right = _means(likely)
    over_all, right_over_all = _means(bins)
    return (
        f"Where the map says {wording.percent(says, 0)}%, {wording.percent(right, 0)}% are right. "
        f"Over all {wording.count(calibration['pixels'])} test pixels it says "
        f"{wording.percent(over_all, 0)}%, and {wording.percent(right_over_all, 0)}% are right."
    )


def error_in_words(calibration: Mapping[str, Any]) -> str:
    """The calibration error with and without the temperature."""
    error, temperature = wording.fixed(calibration["ece"]), calibration["temperature"]
    if temperature == 1:
        return f"Expected calibration error {error}."
    before = wording.fixed(calibration["ece_uncalibrated"])
    return (
        f"Expected calibration error {error}; {before} without the temperature of "
        f"{wording.fixed(temperature, 2)}."
    )


def amount(area: float | None, unit: str) -> str:
    """An area in its unit, with as many digits as are of use."""
    if area is None:
        return wording.NOTHING
    if unit == "pixels" or area >= 100:
        return wording.count(round(area))
    return wording.fixed(area, 1 if area >= 1 or area == 0 else 3)


def amounts(bounds: Sequence[float] | None, unit: str) -> str:
    """An interval of areas."""
    return wording.NOTHING if bounds is None else "–".join(amount(area, unit) for area in bounds)


def _means(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Mean probability and accuracy over the pixels of some bins."""
    pixels = sum(row["pixels"] for row in rows)
    says, right = (
        sum(row["pixels"] * row[key] for row in rows) / pixels for key in ("confidence", "accuracy")
    )
    return says, right
