"""What became of each class of a label file, as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectile.data.labels.counts import shown_columns

MOST = 40
"""Classes shown; the report has all."""


def print_label_counts(labels: Mapping[str, Any] | None, *, every: bool = False) -> None:
    """``labels`` of metrics.json: what the file holds beside what the scene's pixels got of it.

    Nothing where a raster gave the scene each of its pixels, unless `every` table is wanted.
    """
    columns = None if labels is None else shown_columns(labels, every=every)
    if labels is None or columns is None:
        return
    heads = ["class", *(title for _, title in columns)]
    rows = [
        [name, *(f"{one[key]:,}" for key, _ in columns)] for name, one in labels["classes"].items()
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows[:MOST], strict=True)]
    print(f"{labels['source']}:")
    for row in (heads, *rows[:MOST]):
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  " + "  ".join([row[0].ljust(len(first)), *others]))
    if len(rows) > MOST:
        print(f"  and {len(rows) - MOST} more classes")
