"""What became of each class of a label file, as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectile.cli.tables import print_class_table
from spectile.data.labels.counts import shown_columns


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
    print(f"{labels['source']}:")
    print_class_table(heads, rows)
