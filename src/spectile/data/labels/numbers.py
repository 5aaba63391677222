"""The numbers of a label raster as they stand, 0 among them, on a scene's grid."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.arrays import load_label_array
from spectile.data.labels.label_files import find_label_file
from spectile.data.labels.label_values import check_size
from spectile.data.labels.warping import on_the_grid_of
from spectile.data.projection import is_placed, same_grid
from spectile.data.readers.gdal import open_dataset
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError

NOTHING = -1


def label_numbers(path: str, like: Scene) -> NDArray[np.int32] | None:
    """The whole numbers (H, W) of a one-band raster on the grid of `like`, -1 where there is none.

    None for what is no such raster: polygons, points, measurements, several bands. Raises
    InputError for one that can't be read, or without georeference for one of another size.
    """
    file = find_label_file(path)
    if file.kind in ("vector", "table"):
        return None
    if file.kind == "array":
        array = load_label_array(file.path, file.part, path)
        check_size((array.shape[0], array.shape[1]), like, path)
        return _whole(array, np.ones(array.shape, np.bool_))
    opened = open_scene(file.name)
    raster = opened if opened.unscaled is None else opened.unscaled
    with closing(raster.reader):
        if raster.bands != 1:
            return None
        if is_placed(raster) and is_placed(like) and not same_grid(raster, like):
            return _aligned(file.name, raster, like)
        check_size((raster.height, raster.width), like, path)
        pixels = raster.read()
        return _whole(pixels[0], raster.valid(pixels))


def names_in(path: str) -> dict[int, str]:
    """Class names by value that a map of this program carries; empty for any other file."""
    dataset = open_dataset(path)
    if dataset is None:
        return {}
    with dataset:
        tags = dataset.tags(1)
    named = ((key.removeprefix("CLASS_"), name) for key, name in tags.items() if "CLASS_" in key)
    return {int(value): name for value, name in named if value.isdecimal()}


def _aligned(path: str, raster: Scene, like: Scene) -> NDArray[np.int32] | None:
    dataset = open_dataset(path)
    if dataset is None:
        return None
    try:
        with dataset, on_the_grid_of(like, dataset, raster, outside_hidden=True) as aligned:
            return _whole(aligned.read(1), aligned.read_masks(1) > 0)
    except InputError:
        return None  # whoever reads the labels says what is wrong


def _whole(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.int32] | None:
    if pixels.dtype.kind not in "buif":
        return None
    if pixels.dtype.kind == "f":
        valid = valid & np.isfinite(pixels)
    found = pixels[valid]
    if (found != np.rint(found)).any() or (found.size and found.max() > np.iinfo(np.int32).max):
        return None
    numbers = np.full(pixels.shape, NOTHING, np.int32)
    numbers[valid] = np.maximum(found.astype(np.int64), NOTHING)
    return numbers
