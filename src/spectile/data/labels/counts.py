"""What becomes of each class between the label file and the scene's pixels, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Unit = Literal["features", "points", "pixels"]


@dataclass(frozen=True)
class ClassCount:
    """One class before and after it was brought onto the scene's grid."""

    in_file: int
    """Features, points or pixels of the class that the file holds."""
    outside: int = 0
    """Of these, how many lie outside the scene."""
    beyond: int = 0
    """Features that reach beyond the scene's border and were cut there."""
    too_small: int = 0
    """Features inside that cover the centre of no pixel."""
    covered: int = 0
    """Pixels of the scene that the class alone would take."""
    pixels: int = 0
    """Pixels that it has: others, later in the file, may lie on the rest."""
    no_data: int = 0
    """Pixels that it would have, had the scene data there."""

    @property
    def under_others(self) -> int:
        """Pixels that went to features of other classes later in the file."""
        return self.covered - self.pixels - self.no_data


@dataclass(frozen=True)
class Counts:
    """The counts of all classes in a label file."""

    unit: Unit
    """What the file holds."""
    by_value: Mapping[int, ClassCount]


@dataclass(frozen=True)
class LabelTally:
    """The counts of a label file by the names of its classes, also of those that got no pixel."""

    source: str
    unit: Unit
    classes: Mapping[str, ClassCount]

    def without_data(self, lost: Mapping[str, int]) -> LabelTally:
        """The same with the pixels that were `lost` to gaps in the scene, by class."""
        classes = {
            name: replace(
                one,
                no_data=one.no_data + lost.get(name, 0),
                pixels=one.pixels - lost.get(name, 0),
            )
            for name, one in self.classes.items()
        }
        return replace(self, classes=classes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for ``labels`` in metrics.json."""
        return {
            "source": self.source,
            "unit": self.unit,
            "classes": {
                name: {**asdict(one), "under_others": one.under_others}
                for name, one in self.classes.items()
            },
        }


def labels_in(tally: LabelTally | None) -> dict[str, Any]:
    """``{"labels": ...}`` for metrics.json, where there is something to tell."""
    return {} if tally is None else {"labels": tally.as_dict()}


COLUMNS = (
    ("in_file", "in the file"),
    ("outside", "outside"),
    ("beyond", "cut at the border"),
    ("too_small", "below a pixel"),
    ("covered", "pixels covered"),
    ("under_others", "under others"),
    ("no_data", "without data"),
    ("pixels", "pixels"),
)
"""Keys of a class in ``labels`` of metrics.json, and what they are called."""
ALWAYS = ("in_file", "pixels")


def shown_columns(
    labels: Mapping[str, Any], *, every: bool = False
) -> list[tuple[str, str]] | None:
    """The columns of :meth:`LabelTally.as_dict` that tell something: before, after, and losses.

    None where a raster gave the scene each of its pixels, unless `every` table is wanted.
    """
    rows = labels["classes"].values()
    if (
        not every
        and labels["unit"] == "pixels"
        and all(row["in_file"] == row["pixels"] for row in rows)
    ):
        return None
    lost = any(row["under_others"] for row in rows)
    return [
        (key, f"{labels['unit']} {title}" if key == "in_file" else title)
        for key, title in COLUMNS
        if key in ALWAYS or (lost if key == "covered" else any(row[key] for row in rows))
    ]


def count_values(values: NDArray[np.int32]) -> dict[int, int]:
    """Pixels of each value above 0."""
    counts = np.bincount(values[values > 0].ravel())
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def raster_counts(
    before: Mapping[int, int],
    values: NDArray[np.int32],
    outside: Mapping[int, int] | None = None,
) -> Counts:
    """The counts of a label raster, whose pixels by value are `before`, now `values`."""
    after = count_values(values)
    return Counts(
        "pixels",
        {
            value: ClassCount(
                before.get(value, 0),
                outside=(outside or {}).get(value, 0),
                covered=after.get(value, 0),
                pixels=after.get(value, 0),
            )
            for value in sorted({*before, *after})
        },
    )


def tally(counts: Counts, names: Mapping[int, str], source: str) -> LabelTally:
    """`counts` by the classes' names, in the order of their values."""
    ordered: Iterable[int] = sorted(counts.by_value)
    return LabelTally(
        source,
        counts.unit,
        {names.get(value) or f"class {value}": counts.by_value[value] for value in ordered},
    )
