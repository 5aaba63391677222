"""The steps of a run that are the same for every task: its start, its repeats, its resumed fit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from spectile.errors import InputError
from spectile.model.model import Model, load
from spectile.ranges import check_cores
from spectile.runs.config import RunConfig
from spectile.runs.directory import begin
from spectile.runs.hardware import hardware_of, use_threads
from spectile.runs.run_files import HISTORY, METRICS, MODEL
from spectile.scoring.metrics import summarise
from spectile.scoring.records import read_history, write_history, write_metrics
from spectile.training.fit import Fit

log = logging.getLogger(__name__)

History = list[dict[str, Any]]


class Record(Protocol):
    """What a report shows of a run."""

    @property
    def metrics(self) -> Mapping[str, Any]: ...


Config = TypeVar("Config", bound=RunConfig)
Shown = TypeVar("Shown", bound=Record)


def check_machine(config: RunConfig) -> None:
    """Take the threads that a run is to have; InputError for more than this machine has of any."""
    check_cores("--threads", config.hardware.threads)
    check_cores("--workers", getattr(config, "workers", None))
    hardware_of(config.hardware).check()
    use_threads(config.hardware.threads)


def run_repeats(
    config: Config,
    directory: Path,
    prepare: Callable[[Config], Callable[[Path], Shown]],
    *,
    going_on: bool,
) -> Shown:
    """Run with as many seeds as are asked for; the first run's record with the mean of all.

    `prepare` gives what fits, tests and writes everything but the report to a folder. The directory
    is made when the first run is prepared: what can be refused is refused before.
    """
    runs = []
    for repeat in range(config.repeats):
        run = prepare(config.model_copy(update={"seed": config.seed + repeat, "repeats": 1}))
        if repeat == 0:
            begin(directory, config, going_on=going_on)
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
    """The model, its history and the seconds of its fit; a killed run's where it was done.

    The model is what :func:`spectile.model.load` makes of its file, whether it was fitted now or
    before: so a run, a resumed one and whoever loads its model compute the same numbers.
    """
    if resume and (done := _finished_fit(folder)) is not None:
        return done
    model, outcome = fit()
    write_history(folder / HISTORY, outcome.history)
    model.save(folder / MODEL)
    return load(folder / MODEL), list(outcome.history), outcome.seconds


def _finished_fit(folder: Path) -> tuple[Model, History, float] | None:
    """What a fit left, if all of it can be read; what can't makes room for what is made again."""
    if not (folder / MODEL).exists() or not (folder / HISTORY).exists():
        return None
    try:
        model = load(folder / MODEL)
        history: History = list(read_history(folder / HISTORY))
        whole = (folder / HISTORY).read_bytes().endswith(b"\n")
        if not whole or len(history) != model.provenance.get("epochs", len(history)):
            raise InputError(f"{folder / HISTORY} is cut short.")
    except InputError as error:
        log.warning("What was fitted before is damaged, and is made again: %s", error)
        (folder / MODEL).unlink()
        return None
    return model, history, float(model.provenance.get("fit_seconds", 0.0))
