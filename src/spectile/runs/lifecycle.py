"""The life of a run, the same for every task: directory, repeats, fit, scores, report.

What is particular to a task stands in :mod:`spectile.tasks`; see
:class:`~spectile.tasks.base.Task`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from spectile.export.card import write_card
from spectile.progress import Progress
from spectile.ranges import check_cores
from spectile.reports.record import Record
from spectile.runs.directory import begin, check_inputs, claimed
from spectile.runs.licence import licence_of
from spectile.runs.resuming import fitted_or_resumed
from spectile.scoring.metrics import summarise
from spectile.scoring.records import write_metrics
from spectile.tasks.base import Finished, Prepared, Task, Work
from spectile.tasks.config import RunConfig
from spectile.tasks.files import METRICS, MODEL, REPORT
from spectile.tasks.fit_hardware import hardware_of
from spectile.tasks.hardware import use_threads

Config = TypeVar("Config", bound=RunConfig)
Material = TypeVar("Material")
Shown = TypeVar("Shown", bound=Record)


def run(
    task: Task[Config, Material, Shown],
    config: Config,
    directory: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: Progress | None = None,
) -> Shown:
    """Fit, predict, score and report; everything goes into the run `directory`.

    The inputs are checked before the directory is touched. A run killed at any moment goes on with
    `resume` and ends with the same numbers; where there is none it begins. Raises InputError for
    what the user has to mend, and while another process writes a run there.
    """
    config, directory = config.placed(), Path(directory)
    with claimed(directory, config, overwrite=overwrite, resume=resume) as going_on:
        _check_machine(config)
        task.check(config)
        material = task.open(config, partial(check_inputs, directory), progress)
        work = Work(directory, going_on, quiet, progress)
        record = _repeats(task, material, config, work)
        task.report(directory / REPORT, record)
    return record


def _check_machine(config: RunConfig) -> None:
    """Take the threads that a run is to have; InputError for more than this machine has of any."""
    check_cores("--threads", config.hardware.threads)
    check_cores("--workers", getattr(config, "workers", None))
    hardware_of(config.hardware).check()
    use_threads(config.hardware.threads)


def _repeats(
    task: Task[Config, Material, Shown], material: Material, config: Config, work: Work
) -> Shown:
    """Run with as many seeds as are asked for; the first run's record with the mean of all.

    The directory is made when the first run is prepared: what can be refused is refused before.
    """
    records = []
    for repeat in range(config.repeats):
        once = config.model_copy(update={"seed": config.seed + repeat, "repeats": 1})
        prepared = task.prepare(material, once)
        folder = work.folder if repeat == 0 else work.folder / f"repeat-{repeat + 1}"
        here = replace(work, folder=folder)
        if work.resume:
            prepared.check_resumed(here)
        if repeat == 0:
            begin(work.folder, config, going_on=work.resume)
        folder.mkdir(exist_ok=True)
        records.append(_once(task, prepared, once, here))
    if config.repeats == 1:
        return records[0]
    repeats = [dict(record.metrics) for record in records]
    mean, std = summarise(repeats, task.scores)
    metrics = {**repeats[0], "repeats": repeats, "mean": mean, "std": std}
    write_metrics(work.folder / METRICS, metrics)
    return replace(records[0], metrics=metrics, config=config.as_dict())


def _once(
    task: Task[Config, Material, Shown],
    prepared: Prepared[Any, Shown],
    config: Config,
    work: Work,
) -> Shown:
    """One repeat; what a killed run had finished is taken as it is."""
    prepared.write_split(work)
    model, history, seconds = fitted_or_resumed(
        work.folder, work.resume, lambda: _fitted(prepared, config, work), prepared.network
    )
    predicted = prepared.predict(model, work)
    start = time.perf_counter()
    scored = prepared.score(predicted)
    metrics = {
        **scored,
        "seconds": {
            "fit": seconds,
            **predicted.seconds,
            "score": time.perf_counter() - start,
        },
        "network": model.name,
        "seed": config.seed,
        "versions": versions(),
    }
    # The finished model knows how far to trust it.
    finished = replace(model, provenance={**model.provenance, **_trust(metrics, task.scores)})
    finished.save(work.folder / MODEL)
    write_card(finished, work.folder / MODEL, licence=licence_of(getattr(config, "scene", None)))
    write_metrics(work.folder / METRICS, metrics)
    return prepared.record(predicted, Finished(metrics, history))


def _fitted(prepared: Prepared[Any, Any], config: RunConfig, work: Work) -> tuple[Any, Any]:
    """The fitted model, which says how its fit went."""
    model, fit = prepared.fit(work)
    told = {
        "seed": config.seed,
        "fit_seconds": fit.seconds,
        "best_epoch": fit.best_epoch,
        "epochs": len(fit.history),
        "versions": versions(),
    }
    return replace(model, provenance={**model.provenance, **told}), fit


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    return {name: version(name) for name in ("spectile", "torch", "lightning", "numpy", "rasterio")}


def _trust(metrics: Mapping[str, Any], scores: Iterable[str]) -> dict[str, Any]:
    """What a model file says of how far to trust it."""
    return {"scores": {key: metrics[key] for key in scores}, "split": metrics["split"]}
