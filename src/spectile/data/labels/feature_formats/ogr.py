"""GeoPackage, GeoJSON, Shapefile and whatever else GDAL finds features in: asked last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spectile.data.formats import Turn
from spectile.data.labels.features import FeatureFormat, FeatureRequest
from spectile.data.labels.vector_layers import SHOWN, FeatureLayer
from spectile.data.projection import Box
from spectile.data.readers.offline import check_local, vectors_asking_nobody
from spectile.errors import InputError


class Ogr(FeatureFormat):
    """The layer that is meant, or the only one with geometries."""

    name = "GDAL"
    suffixes = (
        *(".gpkg", ".geojson", ".json", ".shp", ".fgb", ".kml", ".gml", ".gdb", ".tab", ".mif"),
        *(".kmz", ".gpx", ".dxf", ".shz", ".sqlite", ".db", ".topojson"),
        *(".geojsonl", ".geojsons", ".geojsonseq", ".ndjson", ".jsonl"),
    )
    turn = Turn.LAST

    def can_open(self, request: FeatureRequest) -> bool:
        return True

    def open(self, request: FeatureRequest) -> FeatureLayer:
        name, source = request.name, request.source
        check_local(source, name)
        info = _describe(name, request.layer, source)
        return FeatureLayer(
            source,
            info["crs"],
            [str(field) for field in info["fields"]],
            [str(dtype) for dtype in info["dtypes"]],
            lambda column: _read(name, info, source, columns=[column], read_geometry=False)[column],
            lambda box: _read(name, info, source, columns=[], bbox=box),
            lambda: _bounds(name, info),
        )


OGR = Ogr()


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


def _unreadable(source: str) -> InputError:
    return InputError(
        f"{source} can't be read as a vector file: check that it is whole, or export it as a "
        "GeoPackage."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
