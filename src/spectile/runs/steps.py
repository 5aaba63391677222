"""The steps of a run that are the same for every task: its start, its repeats, its resumed fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from spectile.learning.fit import Fit
from spectile.model import Model, load
from spectile.ranges import check_cores
from spectile.runs.config import RunConfig, read_config
from spectile.runs.directory import (
    CONFIG,
    HISTORY,
    METRICS,
    MODEL,
    check_free,
    check_same,
    make_directory,
)
from spectile.runs.hardware import hardware_of, use_threads
from spectile.scoring.metrics import summarise
from spectile.scoring.records import read_history, write_history, write_metrics

History = list[dict[str, Any]]


class Record(Protocol):
    """What a report shows of a run."""

    @property
    def metrics(self) -> Mapping[str, Any]: ...


Config = TypeVar("Config", bound=RunConfig)
Shown = TypeVar("Shown", bound=Record)


def check_start(config: RunConfig, directory: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise InputError unless the run may begin or go on in `directory`."""
    check_cores("--threads", config.hardware.threads)
    check_cores("--workers", getattr(config, "workers", None))
    hardware_of(config.hardware).check()
    check_free(directory, overwrite=overwrite, resume=resume)
    if resume:
        check_same(config, read_config(directory / CONFIG, type(config)), directory)
    use_threads(config.hardware.threads)


def run_repeats(
    config: Config,
    directory: Path,
    prepare: Callable[[Config], Callable[[Path], Shown]],
    *,
    overwrite: bool,
    resume: bool,
) -> Shown:
    """Run with as many seeds as are asked for; the first run's record with the mean of all.

    `prepare` gives what fits, tests and writes everything but the report to a folder. The directory
    is made when the first run is prepared: what can be refused is refused before.
    """
    runs = []
    for repeat in range(config.repeats):
        run = prepare(config.model_copy(update={"seed": config.seed + repeat, "repeats": 1}))
        if repeat == 0:
            make_directory(directory, config, overwrite=overwrite, resume=resume)
        folder = directory if repeat == 0 else directory / f"repeat-{repeat + 1}"
        folder.mkdir(exist_ok=True)
        runs.append(run(folder))
    if config.repeats == 1:
        return runs[0]
    repeats = [dict(run.metrics) for run in runs]
    mean, std = summarise(repeats)
    metrics = {**repeats[0], "repeats": repeats, "mean": mean, "std": std}
    write_metrics(directory / METRICS, metrics)
    first: Any = runs[0]
    summed: Shown = replace(first, metrics=metrics, config=config.as_dict())
    return summed


def fitted_or_resumed(
    folder: Path, resume: bool, fit: Callable[[], tuple[Model, Fit]]
) -> tuple[Model, History, float]:
    """The model, its history and the seconds of its fit; a killed run's where it was done."""
    if resume and (folder / MODEL).exists() and (folder / HISTORY).exists():
        model = load(folder / MODEL)
        history: History = list(read_history(folder / HISTORY))
        return model, history, float(model.provenance.get("fit_seconds", 0.0))
    model, outcome = fit()
    write_history(folder / HISTORY, outcome.history)
    model.save(folder / MODEL)
    return model, list(outcome.history), outcome.seconds
