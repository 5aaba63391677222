"""Which pixels of a scene are wanted: a raster on its grid, or polygons."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from spectile.data.labels.arrays import load_label_array
from spectile.data.labels.as_labels import array_on_grid, is_frame
from spectile.data.labels.label_files import find_label_file
from spectile.data.labels.label_values import check_size
from spectile.data.projection import grid_box, is_placed, same_grid
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.data.readers.xarray import is_data_array
from spectile.data.scene import Scene
from spectile.errors import InputError

if TYPE_CHECKING:
    from spectile.data.labels.vector_layers import FeatureLayer


@dataclass(frozen=True)
class Mask:
    """The wanted pixels of a scene, told window by window; make one with :func:`open_mask`."""

    source: str
    read: Callable[[Window], NDArray[np.bool_]]
    """Whether each pixel of a window of the scene is wanted, shape (h, w)."""


def open_mask(path: str | os.PathLike[str], *, like: Scene) -> Mask:
    """The pixels of `like` that a raster or vector file picks.

    A raster of one band on the scene's own grid picks the pixels that are neither 0 nor nodata;
    polygons pick the pixels whose centre they cover, lines and points those they touch. Any file
    that holds labels serves. Raises InputError for a raster on another grid, for vectors where
    the scene has no coordinate system, and for what can't be read.
    """
    source = os.fspath(path)
    file = find_label_file(source)
    if file.kind == "table":
        raise InputError(f"{source} is a table: give a raster or a vector file as mask.")
    if file.kind == "vector":
        from spectile.data.labels.features import open_layer

        _check_placed(file.source, like)
        return _polygons(open_layer(file.name, file.part, file.source), file.source, like)
    if file.kind == "array":
        array = load_label_array(file.path, file.part, source)
        return _raster(scene_from_array(array[None]), source, like)
    return _raster(open_scene(file.name), source, like)


def as_mask(mask: Any, *, like: Scene) -> Mask:
    """The mask that `mask` is in a notebook, on the grid of the scene `like`.

    A Mask, a path (see :func:`open_mask`), an array or xarray.DataArray (H, W) in which 0 and False
    pick nothing, or a geopandas.GeoDataFrame. Raises InputError for anything else.
    """
    if isinstance(mask, Mask):
        return mask
    if isinstance(mask, str | os.PathLike):
        return open_mask(mask, like=like)
    if is_frame(mask):
        from spectile.data.labels.vector_layers import layer_of_frame

        return _polygons(layer_of_frame(mask, "the GeoDataFrame"), "the GeoDataFrame", like)
    if not isinstance(mask, np.ndarray) and not is_data_array(mask):
        raise InputError(
            f"a {type(mask).__name__} is no mask: give a path, an array (rows, columns) or a "
            "GeoDataFrame."
        )
    numbers = array_on_grid(mask, like) if is_data_array(mask) else mask
    if numbers.ndim != 2:
        raise InputError(f"the mask has {numbers.ndim} axes: give rows and columns.")
    return _raster(scene_from_array((numbers != 0)[None].astype(np.uint8)), "the mask", like)


def _raster(raster: Scene, source: str, like: Scene) -> Mask:
    if raster.bands != 1:
        raise InputError(f"{source} has {raster.bands} bands, but a mask has one.")
    check_size((raster.height, raster.width), like, source)
    if is_placed(raster) and is_placed(like) and not same_grid(raster, like):
        raise InputError(
            f"{source} has the size of {like.source} but another grid or coordinate system: "
            "warp it onto the scene's grid first, or give polygons."
        )

    def read(window: Window) -> NDArray[np.bool_]:
        pixels = raster.read(window)
        wanted: NDArray[np.bool_] = raster.valid(pixels) & (pixels[0] != 0)
        return wanted

    return Mask(source, read)


def _check_placed(source: str, like: Scene) -> None:
    if like.transform is None:
        raise InputError(
            f"{source} holds map coordinates but {like.source} has no coordinate system: "
            "give a raster of the scene's size as mask."
        )


def _polygons(layer: FeatureLayer, source: str, like: Scene) -> Mask:
    # Geopandas takes half a second to import, and most masks are rasters.
    from spectile.data.labels.geometry import draw_shapes, place_features, single_parts
    from spectile.data.labels.vectors import check_systems

    _check_placed(source, like)
    check_systems(layer, like)
    parts: list[Any] = [
        part
        for geometry in place_features(layer, like).geometries
        if geometry is not None and not geometry.is_empty
        for part in single_parts(geometry)
    ]
    # left, bottom, right, top; comparisons with NaN, what a projection doesn't reach, are false
    boxes = np.array([part.bounds for part in parts]).reshape(-1, 4)

    def read(window: Window) -> NDArray[np.bool_]:
        transform = window_transform(window, like.transform)
        west, south, east, north = grid_box(window.height, window.width, transform)
        near = (
            (boxes[:, 0] <= east)
            & (boxes[:, 2] >= west)
            & (boxes[:, 1] <= north)
            & (boxes[:, 3] >= south)
        )
        grid = np.zeros((window.height, window.width), np.uint8)
        draw_shapes([(parts[at], 1) for at in np.flatnonzero(near)], grid, transform)
        return grid.astype(np.bool_)

    return Mask(source, read)
