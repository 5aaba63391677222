"""The page that shows several runs side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spectile.reports import figures, wording
from spectile.reports.page import KAPPA, leaks, write_page
from spectile.scoring.metrics import LABELS
from spectile.scoring.paired_differences import PairedDifference


@dataclass(frozen=True)
class Compared:
    """One of several runs."""

    name: str
    config: Mapping[str, Any]
    """As in config.yaml."""
    metrics: Mapping[str, Any]
    """As in metrics.json."""
    history: Sequence[Mapping[str, Any]]
    """As in history.csv."""

    @property
    def leaks(self) -> bool:
        """Whether it was tested where it had trained, or nobody knows."""
        return leaks(self.metrics)

    def score(self, name: str) -> str:
        """A score in words."""
        return score_in_words(self.metrics, name)


@dataclass(frozen=True)
class Comparison:
    """Runs, and how the others differ from the first."""

    runs: Sequence[Compared]
    differences: Mapping[str, Mapping[str, PairedDifference]]
    """By the name of a run and of a score, where both were tested on the same splits."""
    reasons: Mapping[str, str]
    """Why there is no difference, for each of the other runs."""

    @property
    def scores(self) -> list[str]:
        """The scores that all runs have, the one to go by first."""
        return [name for name in LABELS if all(name in run.metrics for run in self.runs)]

    def settings_that_differ(self) -> list[tuple[str, list[str]]]:
        """Names of settings that aren't the same in all runs, with each run's value."""
        flat = [dict(wording.flatten(run.config)) for run in self.runs]
        names = dict.fromkeys(name for settings in flat for name in settings)
        rows = [(name, [one.get(name, wording.NOTHING) for one in flat]) for name in names]
        return [(name, values) for name, values in rows if len(set(values)) > 1]


def score_in_words(metrics: Mapping[str, Any], name: str) -> str:
    """A score with its deviation over repeats, in percent but for kappa; a dash for none."""
    value = (metrics.get("mean") or metrics).get(name)
    spread = (metrics.get("std") or {}).get(name)
    say = wording.fixed if name == KAPPA else wording.percent
    return say(value) if spread is None else f"{say(value)} ± {say(spread)}"


def difference_in_words(difference: PairedDifference, score: str) -> str:
    """A difference with its sign, its 95% interval and the number of splits."""
    factor, unit = (1.0, "") if score == KAPPA else (100.0, " points")
    decimals = 3 if score == KAPPA else 1

    def signed(value: float) -> str:
        return f"{value * factor:+.{decimals}f}".replace("-", "−")

    if difference.interval is None:
        return f"{signed(difference.mean)}{unit} (one split)"
    low, high = difference.interval
    return (
        f"{signed(difference.mean)}{unit} ({signed(low)} to {signed(high)}, "
        f"{difference.splits} splits)"
    )


def write_comparison(path: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write the page; raises InputError where the file can't be written."""
    names = [run.name for run in comparison.runs]
    write_page(
        path,
        "comparison.html.jinja",
        heading=" · ".join(names),
        comparison=comparison,
        labels=LABELS,
        in_words=difference_in_words,
        verdicts=[(run.name, run.metrics["split"]["verdict"]) for run in comparison.runs],
        classes=_classes(comparison.runs),
        class_score=("mask_ap", "Mask AP") if "mask_ap" in comparison.scores else ("f1", "F1"),
        curves=figures.compared_curves([(run.name, run.history) for run in comparison.runs]),
    )


def _classes(runs: Sequence[Compared]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Each class with what the runs score in it."""
    names = list(runs[0].metrics["per_class"])
    return [(name, [run.metrics["per_class"][name] for run in runs]) for name in names]
