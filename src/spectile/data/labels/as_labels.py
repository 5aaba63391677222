"""Whatever stands for labels in a notebook: a path, Labels, an array, a GeoDataFrame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import (
    Labels,
    labels_from_array,
    labels_from_frame,
    open_labels,
)
from spectile.data.labels.legend import Legend
from spectile.data.projection import is_placed, same_grid
from spectile.data.readers.xarray import is_data_array, scene_from_data_array, spatial_dims
from spectile.data.scene import Scene
from spectile.errors import InputError


def as_labels(
    labels: Any,
    *,
    like: Scene,
    column: str | None = None,
    legend: Legend | str | Path | None = None,
) -> Labels:
    """The labels that `labels` are, on the grid of the scene `like`.

    A path (see :func:`open_labels`), Labels, whole numbers (H, W) as a NumPy array or an
    xarray.DataArray, 0 meaning unlabelled, or a geopandas GeoDataFrame whose `column` has the
    classes. Raises InputError for anything else, and for labels of another size than the scene.
    """
    if isinstance(labels, str | Path):
        return open_labels(labels, like=like, column=column, legend=legend)
    if isinstance(labels, Labels):
        found = labels
    elif is_frame(labels):
        return labels_from_frame(labels, like=like, column=column, legend=legend)
    elif is_data_array(labels):
        found = labels_from_array(array_on_grid(labels, like), legend=legend)
    elif isinstance(labels, np.ndarray):
        found = labels_from_array(labels, legend=legend)
    else:
        raise InputError(
            f"a {type(labels).__name__} is no labels: give a path, Labels, an array of whole "
            "numbers (rows, columns) or a GeoDataFrame."
        )
    height, width = found.classes.shape
    if (height, width) != (like.height, like.width):
        raise InputError(
            f"the labels are {height} x {width} pixels and {like.source} is {like.height} x "
            f"{like.width}: give labels of the scene's size."
        )
    return found


def is_frame(data: Any) -> bool:
    """Whether something is a geopandas GeoDataFrame, which needn't be installed."""
    return hasattr(data, "geometry") and hasattr(data, "columns")


def array_on_grid(labels: Any, like: Scene) -> NDArray[Any]:
    """The numbers (H, W) of a DataArray; InputError where it lies elsewhere than the scene."""
    plane = labels.squeeze(drop=True)
    plane = plane.transpose(*spatial_dims(plane))
    scene = scene_from_data_array(plane.expand_dims("band"))
    if is_placed(scene) and is_placed(like) and not same_grid(scene, like):
        raise InputError(
            f"the labels {scene.source} lie on another grid than {like.source}: bring them onto it "
            "first, with labels.rio.reproject_match(scene)."
        )
    numbers: NDArray[Any] = np.asarray(plane)
    return numbers
