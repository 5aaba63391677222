"""The run directory: what lies in it, and whether a run may begin or go on there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spectile.errors import InputError
from spectile.files import not_writable
from spectile.runs.config import RunConfig

CONFIG, MODEL, METRICS = "config.yaml", "model.safetensors", "metrics.json"
HISTORY, CHECKPOINTS, REPORT = "history.csv", "checkpoints", "report.html"


def check_free(directory: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise InputError unless a run may be written to `directory`."""
    holds_run = (directory / CONFIG).exists()
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file: choose another name for the run.")
    if resume and not holds_run:
        raise InputError(f"{directory} holds no run to go on with: leave out --resume.")
    if not directory.exists() or not any(directory.iterdir()):
        return
    if not holds_run:
        raise InputError(f"{directory} is not empty and holds no run: choose another --out.")
    if resume or overwrite:
        return
    if (directory / REPORT).exists():
        raise InputError(f"{directory} holds a run: choose another --out or add --overwrite.")
    raise InputError(
        f"{directory} holds an unfinished run: go on with --resume or add --overwrite."
    )


def check_same(config: RunConfig, started: RunConfig, directory: Path) -> None:
    """Raise InputError unless a resumed run goes on with the settings it was started with."""
    # Earlier versions wrote paths as they were given.
    now, then = config.placed().as_dict(), started.placed().as_dict()
    # Where it computes may change; what it computes may not.
    changed = [key for key in then if key != "hardware" and now[key] != then[key]]
    if changed:
        raise InputError(
            f"{directory} was started with other settings ({', '.join(changed)}): leave the "
            "options out to go on, or start anew with --overwrite."
        )


def make_directory(directory: Path, config: RunConfig, *, overwrite: bool, resume: bool) -> None:
    """Make the directory of a new run, in the place of an old one if `overwrite`."""
    try:
        if overwrite and not resume and (directory / CONFIG).exists():
            shutil.rmtree(directory)
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(directory, error) from error
    config.write(directory / CONFIG)


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    return {name: version(name) for name in ("spectile", "torch", "lightning", "numpy", "rasterio")}


def trust(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What a model file says of how far to trust it."""
    keys = ("overall_accuracy", "average_accuracy", "kappa", "mean_iou")
    return {"scores": {key: metrics[key] for key in keys}, "split": metrics["split"]}
