"""What a report says of classifiers of single spectra: whether the network was worth its time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from spectile.reports import wording

SMOOTHED = ", smoothed"
NAMES = {
    "svm_smoothed": f"support vector machine{SMOOTHED}",
    "svm": "support vector machine",
    "lda": "PCA and linear discriminant analysis",
    "forest": "random forest",
}
ARTICLES = {"svm_smoothed": "A ", "svm": "A ", "lda": "", "forest": "A "}
HOW = {"svm_smoothed": "smoothed as the network's map is"}
LEVEL = 0.0005
"""Accuracies that differ by less are shown as equal."""
OVERALL, AVERAGE = "overall_accuracy", "average_accuracy"


@dataclass(frozen=True)
class BaselineRow:
    """One classifier, over all repeats of a run that have it."""

    name: str
    """In words."""
    scores: Mapping[str, float]
    """As fractions: overall_accuracy, average_accuracy, kappa."""
    ahead: Mapping[str, float]
    """By how much the run is ahead of it, by the same names."""
    pixels: int
    """Training pixels that it learnt from."""
    seconds: float


@dataclass(frozen=True)
class Baselines:
    """All that the page shows of them."""

    sentence: str
    """On the strongest."""
    rows: Sequence[BaselineRow]
    notes: Sequence[str]
    smoothed: bool
    """Whether there is one that is smoothed as the run's map is."""


def baselines_shown(metrics: Mapping[str, Any], *, leaks: bool) -> Baselines | None:
    """What to show of `metrics` (metrics.json); None where no baseline was asked for."""
    if "baselines" not in metrics:
        return None
    runs = metrics.get("repeats") or [metrics]
    rows = [(key, _row(key, runs)) for key in NAMES if key in metrics["baselines"]]
    sentence = ""
    if rows:
        key, strongest = max(rows, key=lambda row: row[1].scores[OVERALL])
        sentence = _sentence(metrics["network"], key, strongest, leaks=leaks)
    smoothed = any(key == "svm_smoothed" for key, _ in rows)
    return Baselines(sentence, [row for _, row in rows], list(_notes(metrics)), smoothed)


def baseline_sentence(metrics: Mapping[str, Any], *, leaks: bool) -> str:
    """How the run stands beside the strongest of its baselines; empty where it has none."""
    shown = baselines_shown(metrics, leaks=leaks)
    return shown.sentence if shown else ""


def _row(key: str, runs: Sequence[Mapping[str, Any]]) -> BaselineRow:
    """The mean of the repeats in which there was time for it."""
    found = [run["baselines"][key] for run in runs if key in run["baselines"]]
    return BaselineRow(
        name=NAMES[key],
        scores={name: fmean(one[name] for one in found) for name in found[0]["ahead"]},
        ahead={name: fmean(one["ahead"][name] for one in found) for name in found[0]["ahead"]},
        pixels=found[0]["train_pixels"],
        seconds=fmean(one["seconds"] for one in found),
    )


def _sentence(network: str, key: str, row: BaselineRow, *, leaks: bool) -> str:
    overall, average = row.ahead[OVERALL], row.ahead[AVERAGE]
    name = f"{ARTICLES[key]}{row.name.removesuffix(SMOOTHED)}"
    start = (
        f"{name} on single spectra, {HOW.get(key, 'without any neighbours')}, has "
        f"{wording.percent(row.scores[OVERALL])}%: {network} is"
    )
    if abs(overall) < LEVEL:
        said = f"{start} level with it."
    elif overall > 0:
        said = f"{start} {points(overall)} ahead."
    elif average > LEVEL:
        said = f"{start} {points(overall)} behind."
    else:
        said = f"{start} {points(overall)} behind, so its map is not worth its time here."
    if abs(average) >= LEVEL and overall * average <= 0:
        side = "ahead" if average > 0 else "behind"
        said += f" In average accuracy it is {points(average)} {side}."
    if leaks and overall > LEVEL:
        said += " Its test windows overlap training windows: part of that is memory."
    return said


def points(share: float) -> str:
    """A difference of shares without its sign: "0.8 points"."""
    number = f"{abs(share) * 100:.1f}"
    return f"{number} point{'s' * (number != '1.0')}"


def _notes(metrics: Mapping[str, Any]) -> Iterator[str]:
    split = metrics["split"]
    for key, found in metrics["baselines"].items():
        if not key.endswith("_smoothed") and found["train_pixels"] < split["train_pixels"]:
            yield (
                f"The {NAMES[key]} learnt from {wording.count(found['train_pixels'])} of the "
                f"{wording.count(split['train_pixels'])} training pixels, the same share of each "
                "class."
            )
    tested = [found["test_pixels"] for found in metrics["baselines"].values()]
    if tested and tested[0] < split["test_pixels"]:
        yield (
            f"They were scored on {wording.count(tested[0])} of the "
            f"{wording.count(split['test_pixels'])} test pixels; how far the network is ahead was "
            "counted on the same ones."
        )
    for key, reason in metrics.get("baselines_left_out", {}).items():
        yield f"The {NAMES[key]} was left out: {reason}."
