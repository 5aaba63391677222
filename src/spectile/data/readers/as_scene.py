"""Whatever stands for a scene in a notebook: a path, a Scene, an array, a DataArray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.data.readers.xarray import is_data_array, scene_from_data_array
from spectile.data.scene import Scene
from spectile.errors import InputError

SceneSource = str | Path | Scene | NDArray[Any]
"""Beside an xarray.DataArray, what :func:`as_scene` takes."""


def as_scene(image: object, bands: int | None = None, bands_last: bool | None = None) -> Scene:
    """The scene that `image` is; nothing is copied or read.

    `bands_last` says on which axis the bands of a NumPy array, a .npy or a .mat file are: the last
    one (True) or the first; None takes the axis that is `bands` long, or the last where nobody
    knows how many there are. Raises InputError for
    anything that can't be one scene.
    """
    if isinstance(image, Scene):
        return image
    if isinstance(image, str | Path):
        return open_scene(image, bands_last=bands_last, bands=bands)
    if isinstance(image, np.ndarray):
        return _scene_of_array(image, bands, bands_last)
    if is_data_array(image):
        return scene_from_data_array(image)
    raise InputError(
        f"a {type(image).__name__} is no scene: "
        "give a path, a Scene, a NumPy array or an xarray.DataArray."
    )


def _scene_of_array(array: NDArray[Any], bands: int | None, bands_last: bool | None) -> Scene:
    if array.ndim != 3:
        raise InputError(
            f"the array has {array.ndim} axes: give one of rows, columns and bands, in this order "
            "or with the bands first."
        )
    if np.ma.is_masked(array):
        raise InputError(
            "the array is masked, which would be lost: fill it and name the value, as in "
            "scene_from_array(array.filled(-9999), nodata=-9999)."
        )
    if bands_last is None:
        bands_last = bands is None or _bands_are_last(array.shape, bands)
    return scene_from_array(np.moveaxis(array, -1, 0) if bands_last else array)


def _bands_are_last(shape: tuple[int, ...], bands: int) -> bool:
    size = " x ".join(str(length) for length in shape)
    first, last = shape[0] == bands, shape[-1] == bands
    if first and last:
        raise InputError(
            f"the array is {size}, and its first and its last axis are as long as the {bands} "
            "bands of the model: say which it is by bands_last=True or bands_last=False."
        )
    if not first and not last:
        raise InputError(
            f"the array is {size}, but the model was trained on {bands} bands: give rows x columns "
            f"x {bands} or {bands} x rows x columns, of the same sensor and product."
        )
    return last
