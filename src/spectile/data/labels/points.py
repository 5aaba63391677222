"""Labels from a CSV file of points: x, y, class; lon, lat, class; or row, col, class."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from spectile.data.labels.codes import number_cells
from spectile.data.labels.counts import ClassCount, Counts, count_values
from spectile.data.labels.csv_table import CsvTable, read_table
from spectile.data.labels.label_values import CLASS_COLUMNS, LabelValues
from spectile.data.projection import nearest_turn, project_points, scene_box
from spectile.data.scene import Scene
from spectile.errors import InputError

_GEOMETRY = re.compile(
    r"(SRID=\d+;)?\s*(MULTI)?(POINT|POLYGON|LINESTRING|GEOMETRYCOLLECTION)\b|\{", re.IGNORECASE
)
WGS84 = CRS.from_epsg(4326)

CoordinateColumns = tuple[str, tuple[str, ...], tuple[str, ...]]
MAP: CoordinateColumns = (
    "map",
    ("mapx", r"(point|coord|utm)?x(coord|coordinate|utm|map)?|(utm)?east(ings?)?|utme"),
    ("mapy", r"(point|coord|utm)?y(coord|coordinate|utm|map)?|(utm)?north(ings?)?|utmn"),
)
DEGREES: CoordinateColumns = (
    "degrees",
    (r"(decimal|gps|x)?lon(g|gitude)?(dd|wgs84)?|lng",),
    (r"(decimal|gps|y)?lat(itude)?(dd|wgs84)?",),
)
PIXELS: CoordinateColumns = ("pixels", ("col(umn)?", "sample|pixelx"), ("row", "line|pixely"))
"""What a pair of coordinates counts, and patterns of what its columns across and down are called.

Of several the first wins: beside map x, x counts pixels. Case, blanks, underlines and units don't
count: POINT_X is pointx, and so is "Point X (m)".
"""
GEOMETRY = ("wkt(geom)?|(the)?geom(etry)?|shape|geo",)
"""Names of a column of geometries, as WKT or GeoJSON."""


def read_label_points(
    path: str, like: Scene, *, column: str | None = None, numbers: Mapping[str, int] | None = None
) -> LabelValues:
    """Give each point's class to the pixel it falls in.

    x and y (POINT_X, easting ...) are coordinates in the scene's own system, lon and lat degrees
    (EPSG:4326), row and col pixels counted from 0 at the upper left; a column called WKT or
    geometry holds a geometry each, see :mod:`spectile.data.labels.tables`. Points outside the
    scene and points without a class are left out and counted; of points of different classes in
    one pixel the last in the file wins. `numbers` are those that a legend gives to text classes.
    Raises InputError, naming the line, for what can't be understood, and where no point lies
    inside.
    """
    table = read_table(path)
    axes = _find_axes(table, like)
    geometry_at = _find(table, GEOMETRY)
    if geometry_at is not None and _are_geometries(table.column(geometry_at), like):
        # Geopandas takes half a second to import.
        from spectile.data.labels.tables import read_label_geometries

        classes = table.columns[_find_class(table, column)]
        return read_label_geometries(table, geometry_at, classes, like, numbers)
    if axes is None:
        raise _no_axes(table, like)
    kind, across_at, down_at = axes
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
            f"{_why_outside(table, kind, across_at, down_at, like)}."
        )
    classed = cells.values > 0
    kept = inside & classed
    values, clashing = _burn(rows[kept], columns[kept], cells.values[kept], like)
    counts = _counts(cells.values, inside, rows, columns, values)
    notes = (
        *cells.notes,
        *_left_out(path, inside, classed, clashing),
        *_without_pixels(path, cells.names, counts),
    )
    return LabelValues(values, names=cells.names, notes=notes, counts=counts)


def _left_out(
    path: str, inside: NDArray[np.bool_], classed: NDArray[np.bool_], clashing: int
) -> Iterator[str]:
    counted = (
        (int((~inside).sum()), "points lie outside the scene and were left out"),
        (int((inside & ~classed).sum()), "points have no class and were left out"),
        (clashing, "pixels hold points of different classes: the last in the file won"),
    )
    for count, what in counted:
        if count:
            yield f"{path}: {count} {what}."


def _without_pixels(path: str, names: Mapping[int, str], counts: Counts) -> Iterator[str]:
    for value, one in counts.by_value.items():
        if not one.pixels:
            yield (
                f"{path}: the class {names.get(value, value)} got no pixel: its points lie "
                "outside, or under points of other classes."
            )


def _counts(
    values: NDArray[np.int32],
    inside: NDArray[np.bool_],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    grid: NDArray[np.int32],
) -> Counts:
    """Points in the file and inside, pixels they lie in and pixels they label, class by class."""
    labelled = count_values(grid)
    found = {}
    for value in np.unique(values[values > 0]).tolist():
        of_it = values == value
        kept = np.flatnonzero(of_it & inside)
        pixels = set(zip(rows[kept].tolist(), columns[kept].tolist(), strict=True))
        found[value] = ClassCount(
            in_file=int(of_it.sum()),
            outside=int((of_it & ~inside).sum()),
            covered=len(pixels),
            pixels=labelled.get(value, 0),
        )
    return Counts("points", found)


def _find(table: CsvTable, patterns: Sequence[str]) -> int | None:
    """The place of the column that matches the first of `patterns` that any does."""
    names = [re.sub(r"\(.*\)|[\W_]", "", name.lower()) for name in table.columns]
    found = (
        place
        for pattern in patterns
        for place, name in enumerate(names)
        if re.fullmatch(pattern, name)
    )
    return next(found, None)


def _are_geometries(cells: Sequence[str], like: Scene) -> bool:
    """Whether a column holds geometries, and the scene a place for them."""
    first = next((cell for cell in cells if cell), "")
    return like.transform is not None and bool(_GEOMETRY.match(first))


def _find_axes(table: CsvTable, like: Scene) -> tuple[str, int, int] | None:
    """The kind of the coordinates and the places of their columns across and down.

    None where there are none that the scene has a use for: map coordinates need its transform,
    degrees its coordinate system.
    """
    usable = {
        "map": like.transform is not None,
        "degrees": like.transform is not None and like.crs is not None,
        "pixels": True,
    }
    for kind, across_names, down_names in (MAP, DEGREES, PIXELS):
        across, down = _find(table, across_names), _find(table, down_names)
        if across is not None and down is not None and usable[kind]:
            return kind, across, down
    return None


def _no_axes(table: CsvTable, like: Scene) -> InputError:
    for _, across_names, down_names in (MAP, DEGREES):
        if _find(table, across_names) is not None and _find(table, down_names) is not None:
            return InputError(
                f"{table.source} gives map coordinates but {like.source} has no coordinate system: "
                "give the columns row, col, class, counted from 0 at the upper left."
            )
    return InputError(
        f"{table.source} has the columns {', '.join(table.columns)}: points need "
        "x, y, class (or lon, lat, class; or row, col, class; or a column WKT of geometries)."
    )


def _why_outside(table: CsvTable, kind: str, across_at: int, down_at: int, like: Scene) -> str:
    """What to check where no point lies inside."""
    across, down = _numbers(table, across_at), _numbers(table, down_at)
    first, second = table.columns[across_at], table.columns[down_at]
    projected = like.crs is not None and not like.crs.is_geographic
    degrees = np.abs(across).max() <= 360 and np.abs(down).max() <= 90
    if kind == "map" and degrees and projected:
        return f"{first} and {second} look like degrees, so call their columns lon and lat"
    if kind == "pixels":
        return (
            f"{first} and {second} count pixels from 0 at the upper left, of {like.width} columns "
            f"and {like.height} rows"
        )
    return (
        f"{first} runs from {across.min():.8g} to {across.max():.8g} and {second} from "
        f"{down.min():.8g} to {down.max():.8g}, so check the coordinates and the system they are in"
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
    assert like.transform is not None  # _find_axes saw to it
    if kind == "degrees":
        assert like.crs is not None
        across, down = project_points(across, down, WGS84, like.crs, table.source)
    if like.crs is not None and like.crs.is_geographic:
        west, _, east, _ = scene_box(like)
        across = nearest_turn(across, (west + east) / 2)
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
