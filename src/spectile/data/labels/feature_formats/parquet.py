"""GeoParquet, which geopandas reads where pyarrow is installed: no GDAL needs to know it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectile.data.formats import Turn
from spectile.data.labels.features import FeatureFormat, FeatureRequest
from spectile.data.labels.vector_layers import FeatureLayer, layer_of_frame
from spectile.errors import InputError


class Parquet(FeatureFormat):
    """One layer, which is read as a whole."""

    name = "GeoParquet"
    suffixes = (".parquet", ".geoparquet")
    turn = Turn.NAME

    def can_open(self, request: FeatureRequest) -> bool:
        return request.name.lower().endswith(self.suffixes)

    def open(self, request: FeatureRequest) -> FeatureLayer:
        return layer_of_frame(_parquet(request.name, request.source), request.source)


PARQUET = Parquet()


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
