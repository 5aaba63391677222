"""What a layer says of itself, and what it is computed from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.legend import Legend
from spectile.mapping.output.geotiff import GDAL_TYPES, RasterForm
from spectile.mapping.window_mapper import MapPart
from spectile.model.model import Model

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class TilePixels:
    """Pixels of a map, h x w of them, as layers are computed from them."""

    model: Model
    part: MapPart = field(repr=False)

    @property
    def classes(self) -> NDArray[np.int32]:
        """(h, w): 0 without data, k for the k-th class of the legend."""
        return self.part.classes

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """(classes, h, w): the softmax of the network's logits, tempered, NaN without data."""
        probabilities = self.part.probabilities.astype(np.float32)
        probabilities[:, self.classes == 0] = np.nan
        return probabilities

    @property
    def components(self) -> NDArray[np.float32]:
        """(components, h, w): what the network sees of the pixels, their reduced spectra.

        There for layers that say `needs_components`; without meaning where there are no data.
        """
        if self.part.components is None:
            raise ValueError("a layer that is computed from components says needs_components=True")
        return self.part.components


@dataclass(frozen=True)
class Layer:
    """A raster of a map: its name, its form, and how its values follow from what was computed.

    Files, arrays, DataArrays and ``spectile map --layers`` all take layers by their names.
    """

    name: str
    """What the user asks for; lower case letters, digits and underscores."""
    description: str
    """For people, in a few words; describes the only band unless `bands` say more."""
    compute: Callable[[TilePixels], NDArray[Any]]
    """Gives the values (bands, h, w), or (h, w) of a single band; those of pixels without data are
    replaced by `nodata`. It is called in a thread, for one tile after the other."""
    bands: Callable[[Legend], tuple[str, ...]] | None = None
    """The descriptions of the bands, by the legend, such as one a class; None for a single band."""
    dtype: str | Callable[[Legend], str] = "float32"
    """A key of :data:`~spectile.mapping.output.geotiff.GDAL_TYPES`, or which one by the legend."""
    nodata: float = float("nan")
    """The value of pixels without data."""
    suffix: str | None = None
    """Put behind the map's name for the file: map_NAME.tif if left out."""
    holds_classes: bool = False
    """Whether its values are those of the legend: the raster then has their colours and names."""
    needs_components: bool = False
    """Whether `compute` reads :attr:`TilePixels.components`, kept only if asked for."""
    check: Callable[[Model], None] | None = None
    """Raises InputError for a model that can't have this layer; called before mapping begins."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a layer can't be called {self.name!r}: use a-z, 0-9 and _")

    @property
    def file_suffix(self) -> str:
        """What stands between the map's name and its ending."""
        return f"_{self.name}" if self.suffix is None else self.suffix

    def form(self, legend: Legend) -> RasterForm:
        """What its raster looks like in a map of these classes."""
        dtype = self.dtype if isinstance(self.dtype, str) else self.dtype(legend)
        if dtype not in GDAL_TYPES:
            raise ValueError(f"the layer {self.name} is of {dtype}: use {', '.join(GDAL_TYPES)}")
        bands = (self.description,) if self.bands is None else tuple(self.bands(legend))
        return RasterForm(dtype, self.nodata, bands, legend if self.holds_classes else None)

    def shape(self, legend: Legend, height: int, width: int) -> tuple[int, ...]:
        """Of its array in memory: (bands, H, W), or (H, W) where there is always one band."""
        if self.bands is None:
            return height, width
        return len(self.form(legend).bands), height, width


def check_layers(layers: Iterable[Layer], model: Model) -> None:
    """Raise InputError for a layer that the `model` can't have."""
    for layer in layers:
        if layer.check is not None:
            layer.check(model)


def compute_layers(
    layers: Iterable[Layer], model: Model, part: MapPart
) -> dict[str, NDArray[np.generic]]:
    """The values (bands, h, w) of each layer of a part, by its name; nodata without a class."""
    pixels = TilePixels(model, part)
    return {layer.name: _computed(layer, pixels) for layer in layers}


def _computed(layer: Layer, pixels: TilePixels) -> NDArray[np.generic]:
    form = layer.form(pixels.model.legend)
    size, dtype = pixels.classes.shape, np.dtype(form.dtype)
    values = np.asarray(layer.compute(pixels))
    if values.shape not in {(len(form.bands), *size), *([size] if len(form.bands) == 1 else [])}:
        raise ValueError(
            f"the layer {layer.name} gave values of the shape {values.shape} for "
            f"{len(form.bands)} bands of {size[0]} x {size[1]} pixels"
        )
    known = pixels.classes != 0
    kept = np.where(known, values, dtype.type(form.nodata)).astype(dtype, copy=False)
    return kept.reshape(-1, *size)
