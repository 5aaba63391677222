"""Maps as arrays in memory, for notebooks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.mask import Mask
from spectile.data.scene import Scene, UnreadableError, rows_and_columns
from spectile.errors import InputError
from spectile.mapping.area import Area
from spectile.mapping.compute import Compute
from spectile.mapping.dense import NotShareableError
from spectile.mapping.layers.layer import Layer, check_layers, compute_layers
from spectile.mapping.mapper import mapper_for
from spectile.mapping.scene_map import parts_of
from spectile.mapping.window_mapper import MapPart
from spectile.model.model import Model
from spectile.progress import Progress


@dataclass(frozen=True)
class MapArrays:
    """A map of H x W pixels: its layers by name, also as attributes.

    `layers` holds those that were asked for, and the classes. It unpacks as it always did: classes,
    probabilities, entropy, then whatever else there is.
    """

    layers: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.layers[name]

    def __getattr__(self, name: str) -> NDArray[Any]:
        try:
            return self.__dict__["layers"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"this map has no layer {name!r}: ask for it") from None

    def __iter__(self) -> Iterator[NDArray[Any] | None]:
        named = (self.classes, self.probabilities, self.entropy)
        rest = self.layers.keys() - {"classes", "probabilities", "entropy"}
        return iter((*named, *(self.layers[name] for name in self.layers if name in rest)))

    @property
    def classes(self) -> NDArray[np.uint8 | np.uint16]:
        """(H, W): the legend's values, 0 without data."""
        return self.layers["classes"]

    @property
    def probabilities(self) -> NDArray[np.float32] | None:
        """(classes, H, W) in the order of the legend, NaN without data; None unless asked for."""
        return self.layers.get("probabilities")

    @property
    def entropy(self) -> NDArray[np.float32] | None:
        """(H, W) from 0, sure, to 1, undecided; NaN without data; None unless asked for."""
        return self.layers.get("entropy")


def map_arrays(
    model: Model,
    scene: Scene,
    layers: tuple[Layer, ...],
    *,
    compute: Compute,
    region: Window | None = None,
    mask: Mask | None = None,
    keep_going: bool = False,
    progress: Progress | None = None,
) -> MapArrays:
    """The `layers` of the map of `scene` in arrays; the memory is needed besides them.

    Warns if a network can't be mapped densely and is mapped patch by patch, and of what can't be
    read with `keep_going`. Raises InputError if the scene's bands don't match the model's or the
    arrays don't fit into the memory.
    """
    check_layers(layers, model)
    area = Area.of(scene, region, mask)
    # Before anything else: whether there is room shows at once.
    arrays = _room(model, area, layers)
    try:
        parts = _parts(model, area, layers, compute, keep_going)
    except NotShareableError as error:
        # Past Model.map, to the line that asked for the map.
        warnings.warn(f"mapping patch by patch, which takes longer: {error.reason}.", stacklevel=3)
        parts = _parts(model, area, layers, replace(compute, method="patches"), keep_going)
    damage: dict[Window, UnreadableError] = {}
    done = 0
    for part in parts:
        rows, columns = area.in_map(part.window).toslices()
        for name, values in compute_layers(layers, model, part).items():
            array = arrays[name]
            array[..., rows, columns] = values if array.ndim == 3 else values[0]
        damage |= {lost.window: lost for lost in part.damage}
        done += part.classes.size
        if progress:
            progress(done, area.region.height * area.region.width)
    for lost in damage.values():
        where = f"{lost.source} can't be read in {rows_and_columns(lost.window)}"
        warnings.warn(f"{where} ({lost.reason}): left without data.", stacklevel=3)
    return MapArrays(arrays)


def _parts(
    model: Model, area: Area, layers: tuple[Layer, ...], compute: Compute, keep_going: bool
) -> Iterator[MapPart]:
    mapper = mapper_for(
        model,
        area.scene,
        compute,
        keep_going=keep_going,
        components=any(layer.needs_components for layer in layers),
    )
    return parts_of(mapper, area, compute.memory)


def _room(model: Model, area: Area, layers: tuple[Layer, ...]) -> dict[str, NDArray[Any]]:
    height, width = area.region.height, area.region.width
    arrays = {}
    try:
        for layer in layers:
            form = layer.form(model.legend)
            array = np.empty(layer.shape(model.legend, height, width), form.dtype)
            if area.mask is not None:
                array.fill(form.nodata)  # tiles without a wanted pixel are left out
            arrays[layer.name] = array
    except MemoryError as error:
        raise InputError(
            f"the map of {area.scene.source} ({height} x {width} pixels) is larger than "
            "the memory: give a path to write it to."
        ) from error
    return arrays
