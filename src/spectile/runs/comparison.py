"""Several runs side by side: their scores, and their differences where they were tested alike."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectile.errors import InputError
from spectile.mapping.output.split_raster import SPLIT_LEGEND
from spectile.reports.comparison_report import Compared, Comparison
from spectile.scoring.metrics import LABELS
from spectile.scoring.paired_differences import PairedDifference, paired_difference
from spectile.scoring.records import read_history
from spectile.tasks.config import renamed
from spectile.tasks.files import CONFIG, HISTORY, METRICS, SPLIT, SPLIT_TABLE
from spectile.tasks.registry import task_entry, task_names
from spectile.tasks.scores import read_map
from spectile.tasks.yaml_file import read_yaml

TEST_CODE, TEST_SIDE = 3, "test"
"""The test side in split.tif and in split.csv."""


@dataclass(frozen=True)
class _Repeat:
    """One repeat of a run."""

    metrics: Mapping[str, Any]
    tested: str | None
    """Fingerprint of the test side; None where its file is missing."""


def compare_runs(directories: Sequence[str | os.PathLike[str]]) -> Comparison:
    """The runs in `directories`, each against the first.

    Differences are taken split by split: of repeats that have the seed and the very test pixels (or
    images) in common. Raises InputError for a directory without a finished run, for fewer than two,
    and for runs of different tasks or classes, whose scores say nothing about each other.
    """
    if len(directories) < 2:
        raise InputError("a comparison takes two runs or more: name their directories.")
    folders = [Path(directory) for directory in directories]
    names = _names(folders)
    runs = [_compared(folder, name) for folder, name in zip(folders, names, strict=True)]
    first, *others = runs
    for run in others:
        for what, ours, theirs in (
            ("task", first.config.get("task"), run.config.get("task")),
            ("classes", sorted(first.metrics["per_class"]), sorted(run.metrics["per_class"])),
        ):
            if ours != theirs:
                raise InputError(
                    f"{run.name} and {first.name} have different {what}: "
                    "compare runs of one task on the same labels."
                )
    reference = _repeats(folders[0])
    differences, reasons = {}, {}
    for run, folder in zip(others, folders[1:], strict=True):
        found = _differences(_repeats(folder), reference)
        if found:
            differences[run.name] = found
        else:
            reasons[run.name] = _why_none(run, first)
    return Comparison(runs, differences, reasons)


def _compared(folder: Path, name: str) -> Compared:
    metrics = _metrics(folder)
    config = read_yaml(folder / CONFIG)
    if isinstance(config, dict) and config.get("task") in task_names():
        config = renamed(config, str(folder / CONFIG), task_entry(config["task"]).config)
    history = list(read_history(folder / HISTORY)) if (folder / HISTORY).exists() else []
    return Compared(name, config if isinstance(config, dict) else {}, metrics, history)


def _metrics(folder: Path) -> dict[str, Any]:
    path = folder / METRICS
    try:
        metrics = json.loads(path.read_bytes())
        if {"per_class", "split"} <= metrics.keys() and LABELS.keys() & metrics.keys():
            return dict(metrics)
    except (OSError, ValueError, AttributeError):
        pass
    raise InputError(f"{folder} holds no finished run: name a folder with a {METRICS}.")


def _names(folders: Sequence[Path]) -> list[str]:
    """Short names that tell the runs apart: the last part of the path, or all that differs."""
    paths = [folder.absolute() for folder in folders]
    last = [path.name for path in paths]
    if len(set(last)) == len(last):
        return last
    if len(set(paths)) < len(paths):
        raise InputError(f"{folders[0]} is named twice: compare different runs.")
    common = os.path.commonpath(paths)
    return [str(path.relative_to(common)) for path in paths]


def _repeats(folder: Path) -> dict[int, _Repeat]:
    """A run's repeats by seed."""
    metrics = _metrics(folder)
    all_metrics = metrics.get("repeats") or [metrics]
    folders = [folder, *(folder / f"repeat-{n}" for n in range(2, len(all_metrics) + 1))]
    return {
        int(one["seed"]): _Repeat(one, _test_side(place))
        for one, place in zip(all_metrics, folders, strict=True)
    }


def _test_side(folder: Path) -> str | None:
    """A fingerprint of what a repeat was tested on."""
    raster, table = folder / SPLIT, folder / SPLIT_TABLE
    if raster.exists():
        tested = np.flatnonzero(read_map(raster, SPLIT_LEGEND) == TEST_CODE)
        return hashlib.sha256(tested.tobytes()).hexdigest()
    if table.exists():
        with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.reader(file))[1:]
        names = sorted(row[0] for row in rows if row and row[-1] == TEST_SIDE)
        return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    return None


def _differences(
    ours: Mapping[int, _Repeat], theirs: Mapping[int, _Repeat]
) -> dict[str, PairedDifference]:
    """Score by score, over the seeds whose test side is the same."""
    seeds = [
        seed
        for seed in ours
        if seed in theirs
        and ours[seed].tested is not None
        and ours[seed].tested == theirs[seed].tested
    ]
    return {
        score: paired_difference(
            [float(ours[seed].metrics[score]) for seed in seeds],
            [float(theirs[seed].metrics[score]) for seed in seeds],
        )
        for score in LABELS
        if seeds and all(score in ours[seed].metrics for seed in seeds)
    }


def _why_none(run: Compared, first: Compared) -> str:
    """What to do about runs that were not tested alike."""
    return (
        f"{run.name} and {first.name} have no seed with the same test side, so their difference "
        "mixes networks with splits: train both with the same --seed, --split, --guard and --block."
    )
