"""A fit that a killed run had finished, taken as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spectile.errors import InputError
from spectile.model.build import NetworkSource
from spectile.model.file import load
from spectile.model.model import Model
from spectile.scoring.records import read_history, write_history
from spectile.tasks.files import HISTORY, MODEL
from spectile.training.fit import Fit

log = logging.getLogger(__name__)

History = list[dict[str, Any]]


def fitted_or_resumed(
    folder: Path,
    resume: bool,
    fit: Callable[[], tuple[Model, Fit]],
    network: NetworkSource | None = None,
) -> tuple[Model, History, float]:
    """The model, its history and the seconds of its fit; a killed run's where it was done.

    The model is what :func:`spectile.model.load` makes of its file, whether it was fitted now or
    before: so a run, a resumed one and whoever loads its model compute the same numbers. `network`
    is one's own, where the run has one.
    """
    if resume and (done := _finished_fit(folder, network)) is not None:
        return done
    model, outcome = fit()
    write_history(folder / HISTORY, outcome.history)
    model.save(folder / MODEL)
    return load(folder / MODEL, network), list(outcome.history), outcome.seconds


def _finished_fit(
    folder: Path, network: NetworkSource | None
) -> tuple[Model, History, float] | None:
    """What a fit left, if all of it can be read; what can't makes room for what is made again."""
    if not (folder / MODEL).exists() or not (folder / HISTORY).exists():
        return None
    try:
        model = load(folder / MODEL, network)
        history: History = list(read_history(folder / HISTORY))
        whole = (folder / HISTORY).read_bytes().endswith(b"\n")
        if not whole or len(history) != model.provenance.get("epochs", len(history)):
            raise InputError(f"{folder / HISTORY} is cut short.")
    except InputError as error:
        log.warning("What was fitted before is damaged, and is made again: %s", error)
        (folder / MODEL).unlink()
        return None
    return model, history, float(model.provenance.get("fit_seconds", 0.0))
