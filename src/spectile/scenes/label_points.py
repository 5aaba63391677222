"""Labels from a CSV file of points: x, y, class; lon, lat, class; or row, col, class."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from spectile.errors import InputError
from spectile.scenes.csv_table import CsvTable, read_table
from spectile.scenes.label_values import CLASS_COLUMNS, LabelValues, number_cells
from spectile.scenes.projection import project_points
from spectile.scenes.scene import Scene

WGS84 = CRS.from_epsg(4326)

Axes = tuple[str, tuple[str, ...], tuple[str, ...]]
MAP: Axes = ("map", ("x", "easting"), ("y", "northing"))
DEGREES: Axes = ("degrees", ("lon", "longitude", "long"), ("lat", "latitude"))
PIXELS: Axes = ("pixels", ("col", "column"), ("row", "line"))
"""What a pair of coordinates counts, and what its columns across and down are called."""


def read_label_points(
    path: str, like: Scene, *, column: str | None = None, numbers: Mapping[str, int] | None = None
) -> LabelValues:
    """Give each point's class to the pixel it falls in.

    x and y are coordinates in the scene's own system, lon and lat degrees (EPSG:4326), row and
    col pixels counted from 0 at the upper left. Points outside the scene and points without a
    class are left out and counted; of points of different classes in one pixel the last in the
    file wins. `numbers` are those that a legend gives to text classes. Raises InputError, naming
    the line, for what can't be understood, and where no point lies inside.
    """
    table = read_table(path)
    kind, across_at, down_at = _find_axes(table, like)
    class_at = _find_class(table, column)
    if not table.rows:
        raise InputError(f"{path} holds no point: it needs a row for each.")
    rows, columns = _pixels(table, kind, across_at, down_at, like)
    cells = number_cells(
        table.column(class_at),
        source=path,
        place=lambda at: f"line {table.lines[at]}",
        numbers=numbers,
    )
    inside = (rows >= 0) & (rows < like.height) & (columns >= 0) & (columns < like.width)
    if not inside.any():
        raise InputError(
            f"None of the {len(inside)} points of {path} lies inside {like.source}: "
            "check their coordinates and the system they are in."
        )
    classed = cells.values > 0
    kept = inside & classed
    values, clashing = _burn(rows[kept], columns[kept], cells.values[kept], like)
    counted = (
        (int((~inside).sum()), "points lie outside the scene and were left out"),
        (int((inside & ~classed).sum()), "points have no class and were left out"),
        (clashing, "pixels hold points of different classes: the last in the file won"),
    )
    notes = tuple(f"{path}: {count} {what}." for count, what in counted if count)
    return LabelValues(values, names=cells.names, notes=notes)


def _find_axes(table: CsvTable, like: Scene) -> tuple[str, int, int]:
    """The kind of the coordinates and the places of their columns across and down."""
    placed = like.crs is not None and like.transform is not None
    in_pixels_only = False
    for kind, across_names, down_names in (MAP, DEGREES, PIXELS):
        across, down = table.find(across_names), table.find(down_names)
        if across is not None and down is not None:
            if placed or kind == "pixels":
                return kind, across, down
            in_pixels_only = True
    if in_pixels_only:
        raise InputError(
            f"{table.source} gives map coordinates but {like.source} has no coordinate system: "
            "give the columns row, col, class, counted from 0 at the upper left."
        )
    raise InputError(
        f"{table.source} has the columns {', '.join(table.columns)}: points need "
        "x, y, class (or lon, lat, class; or row, col, class)."
    )


def _find_class(table: CsvTable, column: str | None) -> int:
    place = table.find(CLASS_COLUMNS if column is None else (column,))
    if place is None:
        raise InputError(
            f"{table.source} has no column '{column or 'class'}' among "
            f"{', '.join(table.columns)}: name the column of classes with --column."
        )
    return place


def _pixels(
    table: CsvTable, kind: str, across_at: int, down_at: int, like: Scene
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns of the points' pixels as whole numbers, inside the scene or not."""
    across, down = _numbers(table, across_at), _numbers(table, down_at)
    if kind == "pixels":
        for numbers in (across, down):
            broken = np.flatnonzero(numbers != np.floor(numbers))
            if broken.size:
                raise InputError(
                    f"{table.source} has {numbers[broken[0]]:g} in line "
                    f"{table.lines[broken[0]]}: rows and columns are whole numbers."
                )
        return down, across
    assert like.crs is not None  # _find_axes saw to it
    assert like.transform is not None
    if kind == "degrees":
        across, down = project_points(across, down, WGS84, like.crs, table.source)
    a, b, c, d, e, f = tuple(~like.transform)[:6]
    with np.errstate(invalid="ignore"):  # what a projection doesn't reach is infinite
        return np.floor(d * across + e * down + f), np.floor(a * across + b * down + c)


def _numbers(table: CsvTable, place: int) -> NDArray[np.float64]:
    numbers = np.empty(len(table.rows))
    for at, cell in enumerate(table.column(place)):
        # Where semicolons part the columns, the comma may be a decimal one.
        text = cell if table.delimiter == "," else cell.replace(",", ".")
        try:
            numbers[at] = float(text)
        except ValueError:
            numbers[at] = math.nan
        if not math.isfinite(numbers[at]):
            raise InputError(
                f"{table.source} has '{cell}' as {table.columns[place]} in line "
                f"{table.lines[at]}: coordinates are numbers."
            )
    return numbers


def _burn(
    rows: NDArray[np.float64], columns: NDArray[np.float64], values: NDArray[np.int32], like: Scene
) -> tuple[NDArray[np.int32], int]:
    """The grid of class values, and how many of its pixels were given different ones."""
    grid = np.zeros(like.height * like.width, dtype=np.int32)
    pixels = rows.astype(np.int64) * like.width + columns.astype(np.int64)
    grid[pixels] = values  # of several values for one pixel NumPy keeps the last
    clashing = np.unique(pixels[values != grid[pixels]]).size
    return grid.reshape(like.height, like.width), clashing
