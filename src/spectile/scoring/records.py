"""The tables of a run directory: metrics.json and history.csv."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectile.errors import InputError
from spectile.files import write_aside

METRICS_ORDER = (
    "overall_accuracy",
    "average_accuracy",
    "kappa",
    "mean_iou",
    "mean",
    "std",
    "intervals",
    "per_class",
    "tested_classes",
    "untested_classes",
    "confusion",
    "baselines",
    "baselines_left_out",
    "calibration",
    "areas",
    "split",
    "stress",
    "seconds",
    "network",
    "seed",
    "versions",
)
"""Keys of metrics.json as they stand in the file; others follow, `repeats` comes last."""

HISTORY_COLUMNS = (
    "epoch",
    "train_loss",
    "validation_loss",
    "validation_accuracy",
    "validation_mean_iou",
    "validation_mask_ap",
    "learning_rate",
    "waiting",
    "seconds",
)
"""One row an epoch, in this order; a file holds those that its rows have.

`waiting` is the share of an epoch's time in which the network waited for data, 0 to 1. A field is
empty where nothing was measured.
"""


def write_metrics(path: str | os.PathLike[str], metrics: Mapping[str, Any]) -> None:
    """Write metrics.json: the order of the contract, a row of the confusion matrix on a line.

    NumPy's numbers and arrays become plain ones, and a number that is none (NaN, infinite)
    becomes null. Raises InputError where the file can't be written.
    """
    text = json.dumps(_plain(_in_order(metrics)), indent=2, ensure_ascii=False, allow_nan=False)
    # A line break can't stand inside a JSON string, so this touches lists of numbers alone.
    text = re.sub(
        r"\[\n\s+([-+.\deE,\s]+?)\n\s+\]",
        lambda numbers: "[" + re.sub(r"\s+", " ", numbers[1]) + "]",
        text,
    )
    with write_aside(path) as aside:
        # A name with bytes that aren't text (surrogates) comes out as JSON's own escape.
        aside.write_bytes((text + "\n").encode("utf-8", "backslashreplace"))


def is_metrics(path: Path) -> bool:
    """Whether a file is one that :func:`write_metrics` wrote."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"overall_accuracy", "confusion", "split"} <= found.keys()


def write_history(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one line an epoch: those of `HISTORY_COLUMNS` that any row has, `epoch` at least.

    What a row lacks stays empty. Raises ValueError for a column of another name and InputError
    where the file can't be written.
    """
    known = {"epoch"}.union(*rows)
    columns = [name for name in HISTORY_COLUMNS if name in known]
    with write_aside(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def read_history(path: str | os.PathLike[str]) -> list[dict[str, int | float | None]]:
    """The rows that :func:`write_history` wrote; raises InputError where the file isn't one."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file, strict=True)
            columns = tuple(table.fieldnames or ())
            _check_columns(columns)
            return [_history_row(row, columns) for row in table]
    except OSError as error:
        raise InputError(
            f"{os.fspath(path)} can't be read ({(error.strerror or str(error)).lower()}): "
            "give the history.csv of a run."
        ) from error
    except (ValueError, csv.Error) as error:
        raise InputError(
            f"{os.fspath(path)} isn't the history of a run ({error}): "
            "give a history.csv as Spectile wrote it."
        ) from error


def _check_columns(columns: tuple[str, ...]) -> None:
    """Raises ValueError unless `columns` are some of `HISTORY_COLUMNS` in their order."""
    expected = tuple(name for name in HISTORY_COLUMNS if name in columns)
    if "epoch" not in columns or columns != expected:
        raise ValueError("the first line isn't made of " + ",".join(HISTORY_COLUMNS))


def _history_row(
    row: dict[str | Any, Any], columns: tuple[str, ...]
) -> dict[str, int | float | None]:
    if set(row) != set(columns) or None in row.values():
        raise ValueError(f"a line doesn't have {len(columns)} fields")
    figures = {name: float(row[name]) if row[name] else None for name in columns[1:]}
    return {"epoch": int(row["epoch"]), **figures}


def _in_order(metrics: Mapping[str, Any]) -> dict[str, Any]:
    first = [key for key in METRICS_ORDER if key in metrics]
    others = [key for key in metrics if key not in METRICS_ORDER and key != "repeats"]
    ordered = {key: metrics[key] for key in first + others}
    if "repeats" in metrics:
        ordered["repeats"] = [_in_order(run) for run in metrics["repeats"]]
    return ordered


def _plain(value: Any) -> Any:
    """`value` out of what JSON knows: NumPy's types made plain, null for NaN and infinity."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
