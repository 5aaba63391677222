"""The CSV tables of a run directory, read back as they were written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spectile.files import write_aside


def table_in(path: Path) -> list[list[str]] | None:
    """The cells of a CSV; None if it isn't there or a kill cut it short."""
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    return list(csv.reader(text.splitlines())) if text.endswith("\n") else None


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV, whole or not at all."""
    with (
        write_aside(path) as aside,
        aside.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
