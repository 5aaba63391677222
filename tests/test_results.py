"""The short form of the tables of results, on a simulated scene."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "results_indian_pines.py"


def made(folder: Path) -> tuple[str, str]:
    """What the script prints, and the tables it writes."""
    options = ("--quick", "--seeds", "1", "--jobs", "1", "--tables", "random-10,blocks")
    places = ("--runs", str(folder / "runs"), "--out", str(folder / "tables.md"))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options, *places], capture_output=True, text=True, check=True
    )
    return done.stdout, (folder / "tables.md").read_text()


def test_tables_are_made_and_finished_runs_kept(tmp_path: Path) -> None:
    printed, tables = made(tmp_path)
    assert "runs to make: 6\n" in printed
    assert tables in printed
    assert "100% of test pixels depend on pixels of a training window" in tables
    assert "No pixel of a training window is among the 21 x 21" in tables
    assert "| light x0.9, x1.1 |" in tables
    assert "not run" not in tables
    assert "overall against best" in tables
    # A run that is gone is made again, no other, to the same scores.
    folder = tmp_path / "runs" / "blocks" / "best-the-default-recipe" / "seed-0"
    (folder / "metrics.json").unlink()
    printed, again = made(tmp_path)
    assert "runs to make: 1\n" in printed
    assert [line.split("|")[:5] for line in again.splitlines()] == [
        line.split("|")[:5] for line in tables.splitlines()
    ]
    # Settings that are no longer a row's are told, and nothing is overwritten.
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("mixup: 0.0", "mixup: 0.3"))
    with pytest.raises(subprocess.CalledProcessError) as refused:
        made(tmp_path)
    assert "was made with other settings: remove it and go on" in refused.value.stderr
