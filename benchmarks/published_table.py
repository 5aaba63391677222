"""The honest table as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median, stdev
from typing import Any

from published_jobs import Bench, Job
from published_methods import Method
from published_networks import Published

Runs = dict[int, dict[str, Any]]
"""What was kept, by seed."""

REFERENCE = "svm"
TITLES = {"random": "A random tenth", "blocks": "Blocks with a guard"}


def table(bench: Bench, methods: Sequence[Method], splits: Sequence[str], seeds: int) -> str:
    """Both accuracies under all splits, costs, and what had to be changed."""
    runs = {
        split: {
            method.name: kept_runs(bench, method, split, seeds)
            for method in methods
            if method.there(bench.folder)
        }
        for split in splits
    }
    shown = [method for method in methods if any(runs[split].get(method.name) for split in splits)]
    parts = [scores(shown, runs), *(costs(shown, split, runs[split]) for split in splits)]
    return "\n".join([*parts, notes(shown, runs), made_with(runs)])


def kept_runs(bench: Bench, method: Method, split: str, seeds: int) -> Runs:
    """The runs of a method that were made with its settings of today."""
    kept = {seed: Job(bench, method.name, split, seed).kept() for seed in range(seeds)}
    return {seed: run for seed, run in kept.items() if run is not None}


def scores(methods: Sequence[Method], runs: dict[str, dict[str, Runs]]) -> str:
    """Accuracies and ranks under each split, side by side."""
    head = ["method", "window"]
    for split in runs:
        title = TITLES.get(split, split).lower()
        head += [f"{title}: overall", "average", "rank", "overall against SVM", "overlap"]
    ranks = {split: ranked(found) for split, found in runs.items()}
    lines = []
    for method in methods:
        cells = [method.title, f"{method.window} x {method.window}"]
        for split, found in runs.items():
            mine, rank = found.get(method.name, {}), ranks[split].get(method.name)
            cells += score_cells(mine, found.get(REFERENCE, {}), rank, method.name)
        lines.append(cells)
    return f"{markdown(head, lines)}\n"


def score_cells(mine: Runs, reference: Runs, rank: int | None, name: str) -> list[str]:
    if not mine:
        return ["not run", "", "", "", ""]
    both = [] if name == REFERENCE else sorted(set(mine) & set(reference))
    differences = [accuracy(mine[seed]) - accuracy(reference[seed]) for seed in both]
    return [
        spread([accuracy(run) for run in mine.values()]),
        spread([run["scores"]["average_accuracy"] for run in mine.values()]),
        str(rank),
        spread(differences, "+.1f") if both else "",
        f"{fmean(run['window_overlap'] for run in mine.values()):.0%}",
    ]


def costs(methods: Sequence[Method], split: str, runs: dict[str, Runs]) -> str:
    """What each method takes under a split."""
    head = (
        "method",
        "parameters",
        "epochs",
        "seconds of the processor",
        "seconds to map",
        "mapped",
        "seeds",
    )
    lines = []
    for method in methods:
        found = list(runs.get(method.name, {}).values())
        if not found:
            continue
        whole = [run["seconds"]["map"] for run in found if run["mapped"] == "scene"]
        parameters = found[0]["parameters"]
        lines.append(
            [
                method.title,
                "" if parameters is None else f"{parameters:,}",
                epochs(found),
                f"{median(run['seconds']['processor'] for run in found):.0f}",
                f"{median(whole):.0f}" if whole else "",
                found[0]["map_method"],
                str(len(found)),
            ]
        )
    return f"{TITLES.get(split, split)}: what it takes.\n\n{markdown(head, lines)}\n"


def epochs(found: Sequence[dict[str, Any]]) -> str:
    """As in "34 of 200", the median over seeds."""
    done = [run["epochs"] for run in found if run["epochs"] is not None]
    if not done:
        return ""
    published = found[0]["published_epochs"]
    early = ", stopped early" if any(run["stopped_early"] for run in found) else ""
    return f"{median(done):.0f}" + (f" of {published}{early}" if published else "")


def notes(methods: Sequence[Method], runs: dict[str, dict[str, Runs]]) -> str:
    """Commits, and what had to be changed."""
    lines = []
    for method in methods:
        if not isinstance(method.how, Published):
            continue
        kept = (run for found in runs.values() for run in found.get(method.name, {}).values())
        commits = sorted({str(run["commit"])[:10] for run in kept})
        changed = "; ".join(method.how.changed) or "as published but for the epochs"
        lines.append(f"- {method.title}: {method.how.project} at {', '.join(commits)}; {changed}.")
    return "\n".join(lines) + "\n"


def made_with(runs: dict[str, dict[str, Runs]]) -> str:
    """The pixels of each split, and versions."""
    lines = []
    for split, found in runs.items():
        every = {seed: run for method in found.values() for seed, run in method.items()}
        if every:
            counts = " / ".join(
                str(round(fmean(run["pixels"][side] for run in every.values())))
                for side in ("train", "validation", "test")
            )
            lines.append(f"{TITLES.get(split, split)}: {counts} pixels to train, validate, test.")
    made = {
        f"{name} {number}"
        for found in runs.values()
        for method in found.values()
        for run in method.values()
        for name, number in run["versions"].items()
    }
    return "\n".join([*lines, ", ".join(sorted(made))]) + "\n"


def ranked(runs: dict[str, Runs]) -> dict[str, int]:
    """The place of each method by its mean overall accuracy, from 1."""
    means = {name: fmean(map(accuracy, found.values())) for name, found in runs.items() if found}
    order = sorted(means, key=lambda name: -means[name])
    return {name: place for place, name in enumerate(order, 1)}


def accuracy(run: dict[str, Any]) -> float:
    return float(run["scores"]["overall_accuracy"])


def spread(values: Sequence[float], number: str = ".1f") -> str:
    """Mean and deviation of shares, in percent."""
    percent = [100 * value for value in values]
    deviation = f" ± {stdev(percent):{number.removeprefix('+')}}" if len(values) > 1 else ""
    return f"{fmean(percent):{number}}{deviation}"


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"| {' | '.join(head)} |\n{'|---' * len(head)}|\n{rows}"
