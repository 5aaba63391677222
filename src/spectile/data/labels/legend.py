"""The legend: what the numbers of a label raster or a map mean, and how they are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectile.data.labels.csv_table import CsvTable, read_columns, read_table
from spectile.data.labels.palette import Color, distinct_colors
from spectile.errors import InputError

LARGEST_VALUE = 65535
"""Maps are written with 16 bits at most."""

VALUE_COLUMNS = ("value",)
NAME_COLUMNS = ("name",)
COLOR_COLUMNS = ("color", "colour")

BLACK: Color = (0, 0, 0)
"""What maps and label rasters show where there is no class."""


@dataclass(frozen=True)
class Category:
    """One class of a legend."""

    value: int
    """The number that stands for the class in label rasters and maps; 1 to 65535."""
    name: str
    color: Color
    """Red, green, blue, 0 to 255."""


@dataclass(frozen=True)
class Legend:
    """The classes in the order of a network's outputs.

    Inside the program a class is its index here (0 to K - 1, or 1 to K in rasters where 0 means
    unlabelled); in files it is its ``value``, so that a user's own numbers survive to the map.
    No value and no name stands twice: scores are told apart by name.
    """

    categories: tuple[Category, ...]

    def __post_init__(self) -> None:
        seen: dict[int | str, Category] = {}
        for category in self.categories:
            if not 1 <= category.value <= LARGEST_VALUE:
                raise InputError(
                    f"The class '{category.name}' has the value {category.value}: "
                    f"give it one from 1 to {LARGEST_VALUE} (0 means unlabelled)."
                )
            if not category.name:
                raise InputError(f"The class {category.value} has no name: give it one.")
            if category.value in seen:
                names = f"'{seen[category.value].name}' and '{category.name}'"
                raise InputError(f"The classes {names} share the value {category.value}.")
            if category.name in seen:
                values = f"{seen[category.name].value} and {category.value}"
                raise InputError(
                    f"The classes {values} share the name '{category.name}': "
                    "give each a name of its own."
                )
            seen[category.value] = seen[category.name] = category

    def __len__(self) -> int:
        return len(self.categories)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(category.name for category in self.categories)

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(category.value for category in self.categories)

    @property
    def colors(self) -> tuple[Color, ...]:
        return tuple(category.color for category in self.categories)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One ``{"value": 10, "name": "Wheat", "color": "#e69f00"}`` a class, fit for JSON."""
        return [
            {"value": c.value, "name": c.name, "color": "#{:02x}{:02x}{:02x}".format(*c.color)}
            for c in self.categories
        ]

    @classmethod
    def from_dicts(cls, dicts: Iterable[Mapping[str, Any]]) -> Legend:
        """The legend that :meth:`to_dicts` wrote; InputError for anything else."""
        categories = []
        try:
            for entry in dicts:
                color = parse_color(entry["color"])
                if type(entry["value"]) is not int or type(entry["name"]) is not str or not color:
                    raise TypeError
                categories.append(Category(entry["value"], entry["name"], color))
        except (KeyError, TypeError) as error:
            raise InputError(
                "A legend is a list of classes, each with a whole number as value, a name and a "
                "color as #rrggbb."
            ) from error
        return cls(tuple(categories))


def make_legend(
    values: Iterable[int],
    names: Mapping[int, str] | None = None,
    colors: Mapping[int, Color] | None = None,
) -> Legend:
    """A legend of the classes `values`, in rising order.

    What `names` lacks is called "class 10"; of two classes with one name the later gets its
    value after it. What `colors` lacks, or gives as black, gets a colour that people with any
    kind of colour vision can tell from the others.
    """
    names, colors = names or {}, colors or {}
    ordered = sorted(set(values))
    given = {v: colors[v] for v in ordered if colors.get(v, BLACK) != BLACK}
    fresh = iter(distinct_colors(len(ordered) - len(given), tuple(given.values())))
    categories: list[Category] = []
    taken: set[str] = set()
    for value in ordered:
        name = names.get(value, "").strip() or f"class {value}"
        if name in taken:
            name = f"{name} ({value})"
        taken.add(name)
        categories.append(Category(value, name, given.get(value) or next(fresh)))
    return Legend(tuple(categories))


def read_legend(path: str | Path) -> Legend:
    """Read a legend from a CSV file with the columns value, name and, if wanted, color.

    The columns may stand in any order among others, which are passed over; colours are written
    as #rrggbb or r,g,b. A row for the value 0 names what is unlabelled and makes no class.
    Raises InputError, naming the line, for anything that can't be understood.
    """
    names, colors = read_legend_entries(path)
    return make_legend(names, names, colors)


def is_legend_file(path: str | Path) -> bool:
    """Whether a file is a CSV whose header names the columns value and name."""
    columns = {column.lower() for column in read_columns(path)}
    return not columns.isdisjoint(VALUE_COLUMNS) and not columns.isdisjoint(NAME_COLUMNS)


def read_legend_entries(path: str | Path) -> tuple[dict[int, str], dict[int, Color]]:
    """Names and colours by value, as :func:`read_legend` finds them; colours may be missing."""
    table = read_table(path, rgb_columns=COLOR_COLUMNS)
    value_at, name_at = table.find(VALUE_COLUMNS), table.find(NAME_COLUMNS)
    if value_at is None or name_at is None:
        raise InputError(
            f"{path} has the columns {', '.join(table.columns)}: "
            "a legend needs value and name (and may have color)."
        )
    color_at = table.find(COLOR_COLUMNS)
    names: dict[int, str] = {}
    colors: dict[int, Color] = {}
    taken: set[str] = set()
    for line, row in zip(table.lines, table.rows, strict=True):
        value = _value_in(table, line, row[value_at])
        if value == 0:
            continue
        if value in names:
            raise InputError(f"{path} gives the value {value} a second time in line {line}.")
        name = row[name_at]
        if not name or name in taken:
            fault = f"uses the name '{name}' again" if name else "has no name"
            raise InputError(f"{path} {fault} in line {line}: give each class its own.")
        names[value] = name
        taken.add(name)
        if color_at is not None and row[color_at]:
            colors[value] = _color_in(table, line, row[color_at])
    if not names:
        raise InputError(f"{path} names no class: it needs a row for each.")
    return names, colors


def parse_color(text: object) -> Color | None:
    """A colour written as #rrggbb or r,g,b (0 to 255); None if it is neither."""
    if not isinstance(text, str):
        return None
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))
    parts = re.fullmatch(r"\s*([0-9]{1,3})[\s,;]+([0-9]{1,3})[\s,;]+([0-9]{1,3})\s*", text)
    if parts is None:
        return None
    red, green, blue = (int(part) for part in parts.groups())
    return (red, green, blue) if max(red, green, blue) <= 255 else None


def _value_in(table: CsvTable, line: int, cell: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}(\.0*)?", cell) or int(float(cell)) > LARGEST_VALUE:
        raise InputError(
            f"{table.source} has '{cell}' as a value in line {line}: "
            f"class values are whole numbers from 1 to {LARGEST_VALUE}."
        )
    return int(float(cell))


def _color_in(table: CsvTable, line: int, cell: str) -> Color:
    color = parse_color(cell)
    if color is None:
        raise InputError(
            f"{table.source} has '{cell}' as a color in line {line}: "
            "write it as #rrggbb or as r,g,b with numbers from 0 to 255."
        )
    if color == BLACK:
        raise InputError(
            f"{table.source} gives a class black in line {line}, which maps show where there is "
            "no data: choose another colour."
        )
    return color
