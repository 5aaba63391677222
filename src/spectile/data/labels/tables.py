"""Labels from a CSV with a geometry in each row, as WKT, EWKT or GeoJSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import geopandas
import shapely
from shapely.errors import ShapelyError

from spectile.data.labels.csv_table import CsvTable
from spectile.data.labels.label_values import LabelValues
from spectile.data.labels.vector_layers import layer_of_frame
from spectile.data.labels.vectors import check_placed, labels_of_layer
from spectile.data.scene import Scene
from spectile.errors import InputError

_EWKT = re.compile(r"SRID=(?P<code>[0-9]+);(?P<wkt>.*)", re.IGNORECASE | re.DOTALL)
DEGREES = "EPSG:4326"
"""What GeoJSON is in (RFC 7946)."""


def read_label_geometries(
    table: CsvTable,
    geometry_at: int,
    column: str,
    like: Scene,
    numbers: Mapping[str, int] | None = None,
) -> LabelValues:
    """Draw the geometries of a table onto the scene's grid, as features of a vector file are.

    WKT is in the scene's own coordinate system unless it begins with SRID=4326; or the like,
    GeoJSON in degrees (EPSG:4326). Raises InputError, naming the line, for a cell that is neither,
    for several systems, and for what :func:`labels_of_layer` refuses.
    """
    check_placed(like, table.source)
    geometries, systems = [], set()
    for line, cell in zip(table.lines, table.column(geometry_at), strict=True):
        geometry, system = _parsed(cell, table, line)
        geometries.append(geometry)
        if geometry is not None:
            systems.add(system)
    if len(systems) > 1:
        raise InputError(
            f"{table.source} mixes geometries of several coordinate systems: give all in one."
        )
    frame = geopandas.GeoDataFrame(
        {name: table.column(place) for place, name in enumerate(table.columns)},
        geometry=geopandas.GeoSeries(geometries, index=range(len(geometries))),
        crs=next(iter(systems), None),
    )
    # Named as the table has them, whatever the column of geometries is called.
    return labels_of_layer(
        layer_of_frame(frame, table.source), like, column=column, numbers=numbers
    )


def _parsed(cell: str, table: CsvTable, line: int) -> tuple[Any, str | None]:
    """The geometry in a cell, and the system that it names."""
    if not cell:
        return None, None
    try:
        if cell.startswith("{"):
            return shapely.from_geojson(json.dumps(json.loads(cell))), DEGREES
        tagged = _EWKT.fullmatch(cell)
        if tagged is None:
            return shapely.from_wkt(cell), None
        return shapely.from_wkt(tagged["wkt"]), f"EPSG:{tagged['code']}"
    except (ShapelyError, ValueError, TypeError) as error:
        shown = cell if len(cell) <= 40 else cell[:40] + " ..."
        raise InputError(
            f"{table.source} has '{shown}' as a geometry in line {line}: write WKT, such as "
            "POINT (500005 5799995), or GeoJSON."
        ) from error
