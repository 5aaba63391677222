"""One layer of features, whatever holds it: its columns, its coordinate system, its geometries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spectile.data.projection import Box

SHOWN = 12
"""Layers or columns that a message names at most."""


@dataclass(frozen=True)
class FeatureLayer:
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


def layer_of_frame(frame: Any, source: str) -> FeatureLayer:
    """A layer of a geopandas GeoDataFrame that is in memory."""
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]

    def bounds() -> Box | None:
        west, south, east, north = (float(side) for side in frame.total_bounds)
        return west, south, east, north

    return FeatureLayer(
        source,
        None if frame.crs is None else frame.crs.to_wkt(),
        columns,
        [str(frame[name].dtype) for name in columns],
        lambda column: frame[column],
        lambda box: frame[[frame.geometry.name]],
        bounds,
    )
