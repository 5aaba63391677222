"""Maps as arrays in memory, for notebooks."""

from __future__ import annotations

import warnings
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.dense import NotShareableError
from spectile.mapping.scene_map import Method, Progress, known_shares, map_parts, normalised_entropy
from spectile.model.model import Model


class MapArrays(NamedTuple):
    """A map of H x W pixels."""

    classes: NDArray[np.uint8 | np.uint16]
    """(H, W): the legend's values, 0 without data."""
    probabilities: NDArray[np.float32] | None
    """(classes, H, W) in the order of the legend, NaN without data; None unless asked for."""
    entropy: NDArray[np.float32] | None
    """(H, W) from 0, sure, to 1, undecided; NaN without data; None unless asked for."""


class MapOptions(TypedDict, total=False):
    """Options of `Model.map` that have no part in what it returns."""

    bands_last: bool | None
    method: Method
    memory: float
    device: str | torch.device
    progress: Progress | None


def map_arrays(
    model: Model,
    scene: Scene,
    *,
    method: Method = "dense",
    memory: float = 1.0,
    probabilities: bool = False,
    entropy: bool = False,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> MapArrays:
    """The class map of `scene` in arrays; `memory` in GB is needed besides them.

    Warns if a network can't be mapped densely and is mapped patch by patch. Raises InputError if
    the scene's bands don't match the model's or the arrays don't fit into the memory.
    """
    # Before anything else: whether there is room shows at once.
    arrays = _room(model, scene, probabilities, entropy)
    try:
        parts = map_parts(model, scene, method=method, memory=memory, device=device)
    except NotShareableError as error:
        # Past Model.map, to the line that asked for the map.
        warnings.warn(f"mapping patch by patch, which takes longer: {error}", stacklevel=3)
        parts = map_parts(model, scene, method="patches", memory=memory, device=device)
    values = np.array([0, *model.legend.values], arrays.classes.dtype)
    done = 0
    for part in parts:
        inside = part.window.toslices()
        arrays.classes[inside] = values[part.classes]
        shares = known_shares(part, probabilities or entropy)
        if arrays.probabilities is not None and shares is not None:
            arrays.probabilities[:, *inside] = shares
        if arrays.entropy is not None and shares is not None:
            arrays.entropy[inside] = normalised_entropy(shares)
        done += part.classes.size
        if progress:
            progress(done, scene.height * scene.width)
    return arrays


def _room(model: Model, scene: Scene, probabilities: bool, entropy: bool) -> MapArrays:
    size = scene.height, scene.width
    try:
        return MapArrays(
            np.empty(size, np.uint8 if max(model.legend.values) <= 255 else np.uint16),
            np.empty((len(model.legend), *size), np.float32) if probabilities else None,
            np.empty(size, np.float32) if entropy else None,
        )
    except MemoryError as error:
        raise InputError(
            f"the map of {scene.source} ({scene.height} x {scene.width} pixels) is larger than "
            "the memory: give a path to write it to."
        ) from error
