"""One layer of features, whatever holds it: its columns, its coordinate system, its geometries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectile.data.projection import Box
from spectile.data.readers.offline import check_local, vectors_asking_nobody
from spectile.errors import InputError

SHOWN = 12
"""Layers or columns that a message names at most."""


@dataclass(frozen=True)
class Layer:
    """Features with attributes, read when they are asked for."""

    source: str
    """The file as the user gave it."""
    crs: str | None
    """As pyproj and rasterio understand it; None where the file names none."""
    columns: Sequence[str]
    dtypes: Sequence[str]
    attributes: Callable[[str], Any]
    """The column of that name as a pandas Series by the features' numbers, in the file's order."""
    features: Callable[[Box | None], Any]
    """The geometries as a geopandas GeoDataFrame by the same numbers, all or those in a box."""
    bounds: Callable[[], Box | None]
    """The box around all features in the file's own coordinates; None where nobody knows."""


def open_layer(name: str, layer: str | None, source: str) -> Layer:
    """The layer called `layer`, or the only one, of the file that GDAL knows as `name`.

    Raises InputError for several layers to choose from, for a table without geometries, and for
    a file that can't be read.
    """
    if name.lower().endswith((".parquet", ".geoparquet")):
        return layer_of_frame(_parquet(name, source), source)
    check_local(source, name)
    info = _describe(name, layer, source)
    return Layer(
        source,
        info["crs"],
        [str(field) for field in info["fields"]],
        [str(dtype) for dtype in info["dtypes"]],
        lambda column: _read(name, info, source, columns=[column], read_geometry=False)[column],
        lambda box: _read(name, info, source, columns=[], bbox=box),
        lambda: _bounds(name, info),
    )


def layer_of_frame(frame: Any, source: str) -> Layer:
    """A layer of a geopandas GeoDataFrame that is in memory."""
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]

    def bounds() -> Box | None:
        west, south, east, north = (float(side) for side in frame.total_bounds)
        return west, south, east, north

    return Layer(
        source,
        None if frame.crs is None else frame.crs.to_wkt(),
        columns,
        [str(frame[name].dtype) for name in columns],
        lambda column: frame[column],
        lambda box: frame[[frame.geometry.name]],
        bounds,
    )


def layers_in(name: str) -> list[str]:
    """The layers that GDAL finds in `name`; none where it is no vector file."""
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        with vectors_asking_nobody(name):
            return [str(layer) for layer, _ in pyogrio.list_layers(name)]
    except (DataSourceError, ValueError):
        return []


def _describe(name: str, layer: str | None, source: str) -> dict[str, Any]:
    """What pyogrio says of a layer: its crs, fields, dtypes and layer_name."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        with vectors_asking_nobody(name):
            layers = [(str(found), kind) for found, kind in pyogrio.list_layers(name)]
        names = [found for found, _ in layers]
        if not layers:
            raise InputError(f"{source} holds no layer of features.")
        if layer is not None and layer not in names:
            raise InputError(f"{source} has no layer '{layer}' but {_listed(names)}.")
        placed = [found for found, kind in layers if kind is not None]
        if not (placed if layer is None else layer in placed):
            raise InputError(
                f"{source} holds a table without geometries: save it as a CSV with the columns x, "
                "y, class, or give the layer's polygons or points."
            )
        if layer is None and len(placed) > 1:
            raise InputError(
                f"{source} has the layers {_listed(placed)}: choose one as {source}:{placed[0]}."
            )
        chosen = placed[0] if layer is None else layer
        with vectors_asking_nobody(name):
            info: dict[str, Any] = pyogrio.read_info(name, layer=chosen)
    except (DataSourceError, DataLayerError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _unreadable(source) from error
    return info


def _read(name: str, info: dict[str, Any], source: str, **wanted: Any) -> Any:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError
    from shapely.errors import ShapelyError

    try:
        with vectors_asking_nobody(name):
            return pyogrio.read_dataframe(
                name, layer=info["layer_name"], fid_as_index=True, **wanted
            )
    except (DataSourceError, DataLayerError, ShapelyError, ValueError) as error:
        raise _unreadable(source) from error


def _bounds(name: str, info: dict[str, Any]) -> Box | None:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        with vectors_asking_nobody(name):
            found = pyogrio.read_info(name, layer=info["layer_name"], force_total_bounds=True)
    except (DataSourceError, DataLayerError, ValueError):
        return None
    if found.get("total_bounds") is None:
        return None
    west, south, east, north = (float(side) for side in found["total_bounds"])
    return west, south, east, north


def _parquet(name: str, source: str) -> Any:
    import geopandas

    if not Path(name).is_file():
        raise InputError(f"{source} isn't there: check the path.")
    try:
        return geopandas.read_parquet(name)
    except ImportError as error:
        raise InputError(
            f"{source} is GeoParquet, which needs the package pyarrow: install it, or export the "
            "features as a GeoPackage."
        ) from error
    except Exception as error:  # pyarrow promises nothing about damaged files
        raise InputError(
            f"{source} can't be read as GeoParquet: check that it is whole and has a geometry "
            "column, or export the features as a GeoPackage."
        ) from error


def _unreadable(source: str) -> InputError:
    return InputError(
        f"{source} can't be read as a vector file: check that it is whole, or export it as a "
        "GeoPackage."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
