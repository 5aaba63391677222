"""Maps as xarray has them: on the coordinates of the scene, described by the CF conventions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from rasterio.windows import Window

from spectile.data.labels.legend import Legend
from spectile.data.readers.xarray import GRID_MAPPING, spatial_dims
from spectile.mapping.array_map import MapArrays
from spectile.mapping.layers.layer import Layer
from spectile.mapping.layers.registry import asked_for
from spectile.mapping.output.geotiff import RasterForm

if TYPE_CHECKING:
    import xarray as xr

CATEGORY = "category"
"""The dimension of the probabilities; its coordinate holds the names of the classes."""


def map_dataset(
    arrays: MapArrays, image: xr.DataArray, legend: Legend, region: Window | None = None
) -> xr.Dataset:
    """`arrays` as variables of the same names, with `image`'s coordinates of rows and columns.

    With a `region` in pixels the arrays are of it, and the coordinates are cut to it. Coordinates
    without a dimension, such as a time or rioxarray's spatial_ref, are kept as well. The classes
    carry flag_values and flag_meanings, and 0 as _FillValue; a layer with a band for each class
    has the dimension `category`.
    """
    import xarray as xr

    dims = spatial_dims(image)
    if region is not None:
        image = image.isel(dict(zip(dims, region.toslices(), strict=True)))
    coordinates = {
        name: coordinate.variable
        for name, coordinate in image.coords.items()
        if set(coordinate.dims) <= set(dims)
    }
    variables = {}
    for layer in asked_for(arrays.layers):
        values, form = arrays[layer.name], layer.form(legend)
        own: tuple[str, ...] = ()
        if values.ndim == 3:
            own = (CATEGORY if form.bands == legend.names else f"{layer.name}_band",)
            coordinates[own[0]] = xr.Variable(own, list(form.bands))
        variables[layer.name] = xr.Variable((*own, *dims), values, _attributes(layer, form))
    for variable in variables.values():
        # Names the coordinate of the coordinate system, here or there: so rioxarray finds it.
        for place, of_image in ((variable.attrs, image.attrs), (variable.encoding, image.encoding)):
            if GRID_MAPPING in of_image:
                place[GRID_MAPPING] = of_image[GRID_MAPPING]
    return xr.Dataset(variables, coordinates)


def flag_meanings(legend: Legend) -> list[str]:
    """The classes' names as CF wants them: one word each, no two alike."""
    words: list[str] = []
    for name, value in zip(legend.names, legend.values, strict=True):
        word = re.sub(r"[^\w.+@-]+", "_", name).strip("_") or "class"
        while word in words:
            word += f"_{value}"
        words.append(word)
    return words


def _attributes(layer: Layer, form: RasterForm) -> dict[str, object]:
    dtype = np.dtype(form.dtype)
    flags: dict[str, object] = {}
    if form.legend is not None:
        flags = {
            "flag_values": np.array(form.legend.values, dtype),
            "flag_meanings": " ".join(flag_meanings(form.legend)),
        }
    return {"long_name": layer.description, **flags, "_FillValue": dtype.type(form.nodata)}
