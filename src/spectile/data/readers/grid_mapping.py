"""Where an array lies on the ground, as CF's conventions have it: a grid mapping, coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

OFF_GRID = 0.05
"""Share of a pixel by which a coordinate may miss its place on a regular grid: degrees in float32
are rounded to some 3% of a 30 m pixel."""

Steps = tuple[float, float]
"""First value and step of a coordinate."""


def crs_of_attributes(attributes: Mapping[str, Any]) -> tuple[CRS | None, tuple[str, ...]]:
    """The coordinate system in a grid mapping's attributes, and why it was left out."""
    if not attributes:
        return None, ()
    # Few files need it, and it takes 18 MB.
    import pyproj
    from pyproj.exceptions import CRSError as ProjCRSError

    try:
        # pyproj knows the coordinate system's text under CF's name and GDAL's.
        plain = {name: _plain(value) for name, value in attributes.items()}
        crs = CRS.from_wkt(pyproj.CRS.from_cf(plain).to_wkt())
    except (ProjCRSError, CRSError, KeyError, ValueError, TypeError):
        return None, ("the coordinate system is in no form that PROJ knows",)
    if not (crs.is_projected or crs.is_geographic):
        return None, ()  # a local one, which nothing else can be related to
    return crs, ()


def grid_steps(places: NDArray[Any]) -> Steps | None:
    """First value and step of a coordinate; None where the steps aren't even."""
    if len(places) < 2 or places.dtype.kind not in "iuf":
        return None
    places = places.astype(np.float64)
    step = (places[-1] - places[0]) / (len(places) - 1)
    off = np.abs(places - (places[0] + step * np.arange(len(places))))
    even = step != 0 and off.max() <= OFF_GRID * abs(step)
    return (float(places[0]), float(step)) if even else None


def grid_transform(
    down: Steps | None, across: Steps | None, crs: CRS | None, attributes: Mapping[str, Any]
) -> Affine | None:
    """The transform of coordinates, of pixels' centres, else of the attribute GeoTransform."""
    if down is None or across is None:
        numbers = str(attributes.get("GeoTransform", "")).split()
        try:
            return Affine.from_gdal(*map(float, numbers)) if len(numbers) == 6 else None
        except ValueError:
            return None
    if crs is None and down == across == (0, 1):
        return None  # only counts rows and columns
    (top, height), (left, width) = down, across
    return Affine(width, 0, left - width / 2, 0, height, top - height / 2)


def _plain(value: Any) -> Any:
    """Attributes come as arrays of one number, too."""
    array = np.asarray(value)
    return array.ravel()[0].item() if array.size == 1 and array.dtype.kind in "iuf" else value
