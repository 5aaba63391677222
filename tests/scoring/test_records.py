"""metrics.json and history.csv: what is written, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectile.errors import InputError
from spectile.scoring.metrics import score
from spectile.scoring.records import (
    HISTORY_COLUMNS,
    read_history,
    write_history,
    write_metrics,
)

HISTORY = [
    {
        "epoch": epoch,
        "train_loss": 1.0 / epoch,
        "validation_loss": None,
        "validation_accuracy": 0.1 * epoch,
        "learning_rate": 1e-3,
        "seconds": 2.5,
    }
    for epoch in (1, 2, 3)
]


def test_metrics_come_back_and_stand_in_the_order_of_the_contract(tmp_path: Path) -> None:
    scores = score(np.array([[3, 1], [0, 4]]), ['a [ 1, 2 ] "q"', "Bäume"]).as_dict()
    metrics = {"seed": 1, "network": "hybridsn", "repeats": [{"seed": 1, **scores}], **scores}
    write_metrics(tmp_path / "metrics.json", metrics)
    text = (tmp_path / "metrics.json").read_text(encoding="utf-8")
    back = json.loads(text)
    assert back == metrics
    assert list(back)[:3] == ["overall_accuracy", "average_accuracy", "kappa"]
    assert list(back)[-1] == "repeats"
    assert next(iter(back["repeats"][0])) == "overall_accuracy"
    assert "[3, 1]" in text, "a row of the confusion matrix stands on one line"


def test_numpy_numbers_become_plain_and_nan_becomes_null(tmp_path: Path) -> None:
    metrics = {
        "kappa": np.float32(0.5),
        "confusion": np.eye(2, dtype=np.int64),
        "seconds": {"fit": float("nan"), "map": np.inf, "score": (np.int8(1),)},
    }
    write_metrics(tmp_path / "metrics.json", metrics)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "kappa": 0.5,
        "confusion": [[1, 0], [0, 1]],
        "seconds": {"fit": None, "map": None, "score": [1]},
    }


def test_metrics_that_cannot_be_written_are_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be written"):
        write_metrics(tmp_path / "nowhere" / "metrics.json", {})


def test_history_comes_back_exactly(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", HISTORY)
    assert read_history(tmp_path / "history.csv") == HISTORY
    assert (tmp_path / "history.csv").read_text().startswith("epoch,train_loss,")


@pytest.mark.parametrize(
    "rows",
    [
        [{"epoch": 1}],
        [{"epoch": 1, "waiting": 0.25}, {"epoch": 2, "waiting": None}],
        [dict.fromkeys(HISTORY_COLUMNS, 0.5) | {"epoch": 1}],
        [],
    ],
)
def test_a_file_holds_the_columns_that_its_rows_have(
    tmp_path: Path, rows: list[dict[str, int | float | None]]
) -> None:
    write_history(tmp_path / "history.csv", rows)
    assert read_history(tmp_path / "history.csv") == rows
    first = (tmp_path / "history.csv").read_text().splitlines()[0].split(",")
    assert first == [name for name in HISTORY_COLUMNS if name in {"epoch"}.union(*rows)]


def test_what_only_some_rows_have_is_empty_in_the_others(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", [{"epoch": 1}, {"epoch": 2, "validation_loss": 0.5}])
    assert read_history(tmp_path / "history.csv") == [
        {"epoch": 1, "validation_loss": None},
        {"epoch": 2, "validation_loss": 0.5},
    ]


def test_a_column_that_history_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="train_los"):
        write_history(tmp_path / "history.csv", [{"epoch": 1, "train_los": 0.3}])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x,y\n1,2\n",
        ",".join(HISTORY_COLUMNS) + "\n1,2\n",
        ",".join(HISTORY_COLUMNS) + "\n,,,,,\n",
        ",".join(HISTORY_COLUMNS) + "\n,,,,,,,\n",
        "train_loss\n1.0\n",
        "train_loss,epoch\n1.0,1\n",
        "epoch,epoch\n1,1\n",
        "epoch,speed\n1,1\n",
    ],
)
def test_another_table_is_no_history(tmp_path: Path, text: str) -> None:
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(InputError, match="isn't the history of a run"):
        read_history(tmp_path / "history.csv")


def test_a_missing_history_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"history\.csv can't be read"):
        read_history(tmp_path / "history.csv")


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 150), place=st.integers(0, 150), byte=st.integers(0, 255))
def test_a_damaged_history_gives_rows_or_a_sentence(
    tmp_path: Path, cut: int, place: int, byte: int
) -> None:
    path = tmp_path / "history.csv"
    write_history(path, HISTORY)
    content = bytearray(path.read_bytes()[: cut or None])
    content[place % len(content)] = byte
    path.write_bytes(content)
    try:
        rows = read_history(path)
    except InputError:
        return
    assert all(isinstance(row["epoch"], int) for row in rows)
