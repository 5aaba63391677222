"""Maps as xarray has them: on the coordinates of the scene, described by the CF conventions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from spectile.data.labels.legend import Legend
from spectile.data.readers.xarray import GRID_MAPPING, spatial_dims
from spectile.mapping.in_memory import MapArrays
from spectile.mapping.output.map_files import ENTROPY

if TYPE_CHECKING:
    import xarray as xr

CATEGORY = "category"
"""The dimension of the probabilities; its coordinate holds the names of the classes."""


def map_dataset(arrays: MapArrays, image: xr.DataArray, legend: Legend) -> xr.Dataset:
    """`arrays` as variables of the same names, with `image`'s coordinates of rows and columns.

    Coordinates without a dimension, such as a time or rioxarray's spatial_ref, are kept as well.
    The classes carry flag_values and flag_meanings, and 0 as _FillValue.
    """
    import xarray as xr

    dims = spatial_dims(image)
    coordinates = {
        name: coordinate.variable
        for name, coordinate in image.coords.items()
        if set(coordinate.dims) <= set(dims)
    }
    layers = {"classes": xr.Variable(dims, arrays.classes, _flags(legend, arrays.classes.dtype))}
    if arrays.probabilities is not None:
        coordinates[CATEGORY] = xr.Variable(CATEGORY, list(legend.names))
        layers["probabilities"] = xr.Variable(
            (CATEGORY, *dims), arrays.probabilities, _shares("probability of the class")
        )
    if arrays.entropy is not None:
        layers["entropy"] = xr.Variable(dims, arrays.entropy, _shares(ENTROPY))
    for layer in layers.values():
        # Names the coordinate of the coordinate system, here or there: so rioxarray finds it.
        for place, of_image in ((layer.attrs, image.attrs), (layer.encoding, image.encoding)):
            if GRID_MAPPING in of_image:
                place[GRID_MAPPING] = of_image[GRID_MAPPING]
    return xr.Dataset(layers, coordinates)


def flag_meanings(legend: Legend) -> list[str]:
    """The classes' names as CF wants them: one word each, no two alike."""
    words: list[str] = []
    for name, value in zip(legend.names, legend.values, strict=True):
        word = re.sub(r"[^\w.+@-]+", "_", name).strip("_") or "class"
        while word in words:
            word += f"_{value}"
        words.append(word)
    return words


def _flags(legend: Legend, dtype: np.dtype[Any]) -> dict[str, object]:
    return {
        "long_name": "class",
        "flag_values": np.array(legend.values, dtype),
        "flag_meanings": " ".join(flag_meanings(legend)),
        "_FillValue": dtype.type(0),
    }


def _shares(meaning: str) -> dict[str, object]:
    return {"long_name": meaning, "_FillValue": np.float32(np.nan)}
