"""How sure scores are, on the terminal: intervals, calibration, areas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectile.cli.tables import print_class_table
from spectile.scoring.metrics import LABELS


def figure_with_bounds(metrics: Mapping[str, Any], key: str) -> str:
    """A score of one run as a fraction, with its interval where it has one."""
    bounds = metrics.get("intervals", {}).get("scores", {}).get(key)
    figure = f"{metrics[key]:.4f}"
    return figure if bounds is None else f"{figure} ({bounds[0]:.2f}–{bounds[1]:.2f})"


def print_certainty(metrics: Mapping[str, Any]) -> None:
    """What the intervals are made of, for each repeat its own, and what probabilities are worth."""
    from spectile.reports.certainty import (
        calibration_in_words,
        error_in_words,
        intervals_in_words,
    )

    for repeat in metrics.get("repeats", ()):
        if "intervals" in repeat:
            scores = (
                f"{LABELS[key]} {figure_with_bounds(repeat, key)}"
                for key in repeat["intervals"]["scores"] or ("overall_accuracy",)
            )
            print(f"  seed {repeat['seed']}: {', '.join(scores)}")
    if "intervals" in metrics:
        print(f"  {intervals_in_words(metrics['intervals'])}")
    if "calibration" in metrics:
        told = metrics["calibration"]
        print(f"  {calibration_in_words(told)} {error_in_words(told)}")
        if told["note"]:
            print(f"  note: {told['note']}")


def print_areas(areas: Mapping[str, Any]) -> None:
    """A line a class: mapped, adjusted, its standard error and its intervals; then what holds."""
    from spectile.reports.certainty import amount, amounts

    unit = areas["unit"]
    heads = [f"mapped {unit}", "adjusted", "standard error", "95% by pixels", "95% by blocks"]
    rows = [
        [
            name,
            *(amount(row[key], unit) for key in ("mapped", "adjusted", "standard_error")),
            *(amounts(row[key], unit) for key in ("interval", "block_interval")),
        ]
        for name, row in areas["classes"].items()
    ]
    print("areas:")
    print_class_table(["class", *heads], rows)
    for note in areas["notes"]:
        print(f"  note: {note}")
