"""What the report shows of scores on changed scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spectile.reports import wording
from spectile.scoring.stress import Effect, effect

TITLES = {
    "light": ("Light", "all bands times"),
    "tilt": ("Tilt", "gain at the longest wavelength"),
    "bow": ("Bow", "gain at both ends, or the middle"),
    "noise": ("Noise", "added, by the scene's own"),
    "shift": ("Shift of wavelengths", "in bands"),
    "lost": ("Lost bands", "at their median in training"),
}


@dataclass(frozen=True)
class StressRow:
    """A change, and what it costs."""

    label: str
    overall: float
    average: float
    effect: Effect | None
    """None of the scene as it is."""


@dataclass(frozen=True)
class StressTable:
    """One kind of change, from the least size to the largest, unchanged between or before."""

    title: str
    sizes: str
    rows: Sequence[StressRow]


def stress_tables(stress: Mapping[str, Any]) -> list[StressTable]:
    """The tables of `stress` in metrics.json."""
    unchanged = stress["unchanged"]
    tables = []
    for name, (title, sizes) in TITLES.items():
        found = [change for change in stress["changes"] if change["name"] == name]
        if found:
            same = {"name": name, "size": 1.0 if name == "light" else 0.0, **unchanged}
            rows = sorted([same, *found], key=lambda change: float(change["size"]))
            tables.append(StressTable(title, sizes, [_row(row, same) for row in rows]))
    return tables


def _row(change: Mapping[str, Any], unchanged: Mapping[str, Any]) -> StressRow:
    scores = change["overall_accuracy"], change["average_accuracy"]
    if change is unchanged:
        return StressRow("unchanged", *scores, None)
    return StressRow(_label(change["name"], change["size"]), *scores, effect(unchanged, change))


def _label(name: str, size: float) -> str:
    if name in ("light", "noise"):
        return f"× {size:g}"
    if name == "lost":
        return f"1 in {round(1 / size)}"
    sign = "+" if size > 0 else "\N{MINUS SIGN}"
    return f"{sign}{abs(size):g}" if name == "shift" else f"{sign}{wording.percent(abs(size), 0)}%"
