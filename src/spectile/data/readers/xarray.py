"""Scenes out of xarray: DataArrays in memory, in Dask's chunks, or still in their file."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from spectile.data.readers.axes import SPATIAL_NAMES
from spectile.data.readers.grid_mapping import crs_of_attributes, grid_steps, grid_transform
from spectile.data.readers.mapped import band_index
from spectile.data.readers.physical import in_values
from spectile.data.readers.scaling import scaling_of_attributes
from spectile.data.scene import Scene
from spectile.data.wavelengths import spectrum_of_header
from spectile.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

SPECTRAL_NAMES = {
    "wavelength": ("wavelength", "wavelengths"),
    "fwhm": ("fwhm",),
    "bbl": ("bbl", "good_wavelengths"),
}
"""Coordinates along the bands, by the field of an ENVI header that says the same."""

GRID_MAPPING = "grid_mapping"
"""The attribute, or after decoding the encoding, that names the coordinate system's coordinate."""


def is_data_array(given: object) -> TypeGuard[xr.DataArray]:
    """Whether `given` is an xarray.DataArray, without importing xarray to find out."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(given, xarray.DataArray)


def scene_from_data_array(array: xr.DataArray) -> Scene:
    """A scene that reads `array` window by window; the array is neither copied nor loaded.

    Of its three dimensions, in any order, two are rows and columns by their names (y and x, lat
    and lon ...) and the third the bands. Coordinates of the bands called wavelength, fwhm or bbl
    are taken over, with their units; a coordinate system from the coordinate that grid_mapping
    names or that is called spatial_ref; the transform from coordinates of rows and columns in even
    steps, or, where there are none, from the coordinate system's GeoTransform; nodata from the
    attributes _FillValue or missing_value, the scale from scale_factor and add_offset. What xarray
    has decoded is in values already, with NaN for no data, and has these in its encoding.

    Raises InputError where the dimensions aren't plain.
    """
    source = _name(array)
    row, column = spatial_dims(array)
    band = _band_dim(array, row, column)
    bands = int(array.sizes[band])
    spectrum = spectrum_of_header(_spectral_fields(array, band), bands)
    georeference = _grid_mapping(array)
    scaling, refused = scaling_of_attributes(array.attrs, bands)
    crs, note = crs_of_attributes(georeference)
    scene = Scene(
        source=source,
        format="xarray",
        height=int(array.sizes[row]),
        width=int(array.sizes[column]),
        bands=bands,
        dtype=array.dtype.newbyteorder("="),
        wavelengths=spectrum.wavelengths,
        fwhm=spectrum.fwhm,
        good_bands=spectrum.good_bands,
        nodata=None,
        crs=crs,
        transform=_transform(array, row, column, crs, georeference),
        reader=DataArrayReader(array, (band, row, column)),
        notes=(*spectrum.notes, *refused, *note),
        band_names=_band_names(array, bands),
    )
    return in_values(scene, scaling=scaling, nodata=(_nodata(array),) * bands)


def spatial_dims(array: xr.DataArray) -> tuple[Hashable, Hashable]:
    """The dimensions of rows and of columns; raises InputError where none are known by name."""
    by_name = {str(dim).lower(): dim for dim in array.dims}
    for row, column in SPATIAL_NAMES:
        if row in by_name and column in by_name:
            return by_name[row], by_name[column]
    if hasattr(array, "rio"):  # rioxarray is imported
        from rioxarray.exceptions import RioXarrayError

        # It knows what its user told it and what the coordinates' CF attributes say.
        with suppress(RioXarrayError):
            return array.rio.y_dim, array.rio.x_dim
    raise InputError(
        f"{_name(array)} has the dimensions {_listed(array.dims)}, of which none are known as "
        "rows and columns: call them y and x by array.rename."
    )


class DataArrayReader:
    """Reads windows of a DataArray; of one that is not in memory, only what they need."""

    def __init__(self, array: xr.DataArray, dims: tuple[Hashable, Hashable, Hashable]) -> None:
        """`dims` are the dimensions of bands, rows and columns."""
        self._array = array
        self._dims = dims
        self._axes = tuple(array.dims.index(dim) for dim in dims)

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of a chunk of Dask's, or of the file that the array is read from."""
        stored = self._array.chunksizes or self._array.encoding.get("preferred_chunks", {})
        height, width = (int(np.max(stored.get(dim, 1))) for dim in self._dims[1:])
        return height, width

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` as (bands, height, width), in native byte order."""
        chosen = dict(zip(self._dims, (band_index(bands), *window.toslices()), strict=True))
        # Loaded first and turned afterwards: xarray would read a turned file point by point.
        pixels = self._array.isel(chosen).to_numpy().transpose(self._axes)
        return np.array(pixels, dtype=pixels.dtype.newbyteorder("="), order="C", copy=True)

    def close(self) -> None:
        """Nothing to let go of: the file is its opener's."""


def _band_dim(array: xr.DataArray, row: Hashable, column: Hashable) -> Hashable:
    others = [dim for dim in array.dims if dim not in (row, column)]
    if len(others) == 1:
        return others[0]
    if others:
        raise InputError(
            f"{_name(array)} has the dimensions {_listed(others)} besides {row} and {column}: "
            "leave only that of the bands, by array.isel or array.sel on the others."
        )
    raise InputError(
        f"{_name(array)} has no dimension besides {row} and {column}: "
        "give one with a dimension for the bands."
    )


def _spectral_fields(array: xr.DataArray, band: Hashable) -> Mapping[str, str | Sequence[str]]:
    """The coordinates along the bands, as the fields of an ENVI header."""
    along = {
        str(name).lower(): coordinate
        for name, coordinate in array.coords.items()
        if coordinate.dims == (band,)
    }
    fields: dict[str, str | Sequence[str]] = {}
    for field, names in SPECTRAL_NAMES.items():
        coordinate = next((along[name] for name in names if name in along), None)
        if coordinate is None:
            continue
        fields[field] = [str(value) for value in coordinate.to_numpy()]
        if field == "wavelength":
            # rioxarray hands on the unit of an ENVI header as an attribute of the whole array.
            places = (coordinate.attrs.get("units"), array.attrs.get("wavelength_units"))
            fields["wavelength units"] = str(next((unit for unit in places if unit), ""))
    return fields


def _band_names(array: xr.DataArray, bands: int) -> tuple[str, ...]:
    """Rioxarray hands on the bands' descriptions as the attribute long_name."""
    names = array.attrs.get("long_name")
    named = isinstance(names, tuple | list) and len(names) == bands
    return tuple(map(str, names)) if named and names else ()


def _nodata(array: xr.DataArray) -> float | None:
    for name in ("_FillValue", "missing_value"):
        value = np.asarray(array.attrs.get(name, ""))
        if value.size == 1 and value.dtype.kind in "iuf":
            return float(value.item())
    return None


def _grid_mapping(array: xr.DataArray) -> Mapping[str, Any]:
    """The attributes of the coordinate that describes the coordinate system, if there is one."""
    named = array.encoding.get(GRID_MAPPING, array.attrs.get(GRID_MAPPING, "spatial_ref"))
    return array.coords[named].attrs if named in array.coords else {}


def _transform(
    array: xr.DataArray,
    row: Hashable,
    column: Hashable,
    crs: CRS | None,
    georeference: Mapping[str, Any],
) -> Affine | None:
    if row not in array.coords and column not in array.coords:
        # Rows and columns that don't run along the axes, as rioxarray hands them on.
        return grid_transform(None, None, crs, georeference)
    return grid_transform(_steps(array, row), _steps(array, column), crs, {})


def _steps(array: xr.DataArray, dim: Hashable) -> tuple[float, float] | None:
    return grid_steps(array.coords[dim].to_numpy()) if dim in array.coords else None


def _name(array: xr.DataArray) -> str:
    return "DataArray" if array.name is None else f"DataArray {array.name}"


def _listed(dims: Iterable[Hashable]) -> str:
    return ", ".join(str(dim) for dim in dims) or "none"
