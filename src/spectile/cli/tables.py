"""Tables of classes on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 40
"""Classes shown; the report has all."""


def print_class_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Names of classes to the left, their numbers to the right, in columns of even width."""
    widths = [max(map(len, column)) for column in zip(heads, *rows[:MOST], strict=True)]
    for row in (heads, *rows[:MOST]):
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  " + "  ".join([row[0].ljust(len(first)), *others]))
    if len(rows) > MOST:
        print(f"  and {len(rows) - MOST} more classes")
