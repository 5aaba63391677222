"""A GeoPackage of objects, written in batches; and whether one that is there is such a map."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from spectile.errors import InputError, first_line
from spectile.files import check_output

LAYER = "objects"
SIGNED = "Objects of a scene, mapped by Spectile"
"""What the layer is described as: it tells our files from others."""
DATE = "2000-01-01T00:00:00.000Z"
"""Of the last change, which GeoPackages note: the same map is the same file whenever it is made."""
BESIDE = ("-wal", "-journal")
"""What SQLite has beside a file while a program is about to change it."""


def write_objects(
    path: Path,
    crs: CRS | None,
    batches: Iterable[tuple[NDArray[np.object_], Mapping[str, NDArray[Any]]]],
) -> None:
    """Write a new GeoPackage of multipolygons with their columns, batch by batch.

    The first batch may be empty; it says which columns there are. Raises OSError.
    """
    import pyogrio
    from pyogrio import errors

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": DATE})
    try:
        for number, (outlines, told) in enumerate(batches):
            with warnings.catch_warnings():
                # Without a coordinate system; it is the scene that has none.
                warnings.filterwarnings("ignore", message=".*crs.*was not provided")
                pyogrio.raw.write(
                    path,
                    shapely.to_wkb(outlines),
                    list(told.values()),
                    list(told),
                    layer=LAYER,
                    driver="GPKG",
                    geometry_type="MultiPolygon",
                    crs=None if crs is None else crs.to_wkt(),
                    append=number > 0,
                    **({} if number else {"layer_options": {"DESCRIPTION": SIGNED}}),
                )
    except (errors.DataSourceError, errors.DataLayerError, errors.FeatureError) as error:
        raise OSError(first_line(error)) from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def check_objects_place(path: Path, *, overwrite: bool, inputs: Iterable[str | Path]) -> None:
    """Raise InputError unless a map of objects can be written at `path`.

    Overwriting replaces nothing but an earlier one: a GeoPackage with any layer, table or column
    of somebody else's is kept.
    """
    check_output(path, ours=is_objects_map, overwrite=overwrite, inputs=inputs)
    for ending in BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.exists():
            raise InputError(
                f"{beside} tells of a program that is about to change {path.name}: close it there, "
                "or choose another name."
            )


def is_objects_map(path: Path) -> bool:
    """Whether a file is a GeoPackage with objects of ours, and with nothing else."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
            told = base.execute("select table_name, description from gpkg_contents").fetchall()
            tables = base.execute("select name from sqlite_master where type = 'table'").fetchall()
            fields = base.execute(f"pragma table_info({LAYER})").fetchall()
    except sqlite3.Error:
        return False
    others = [name for (name,) in tables if not name.startswith(("gpkg_", "sqlite_", "rtree_"))]
    ours = {"fid", "geom", "number", "class", "score", "pixels", "area_m2"}
    return (
        told == [(LAYER, SIGNED)] and others == [LAYER] and {field[1] for field in fields} <= ours
    )


def count_objects(path: Path) -> int:
    """How many objects a map of ours holds."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
        (count,) = base.execute(f"select count(*) from {LAYER}").fetchone()
    return int(count)
