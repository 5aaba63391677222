"""Which pixels of a scene are wanted: a raster on its grid, or polygons."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from spectile.data.labels.arrays import load_label_array
from spectile.data.labels.label_files import LabelFile, find_label_file
from spectile.data.labels.label_values import check_size
from spectile.data.projection import grid_box, is_placed, same_grid
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError


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
        return _polygons(file, like)
    if file.kind == "array":
        array = load_label_array(file.path, file.part, source)
        return _raster(scene_from_array(array[None]), source, like)
    return _raster(open_scene(file.name), source, like)


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


def _polygons(file: LabelFile, like: Scene) -> Mask:
    # Geopandas takes half a second to import, and most masks are rasters.
    from spectile.data.labels.features import open_layer
    from spectile.data.labels.geometry import draw_shapes, place_features, single_parts
    from spectile.data.labels.vectors import check_systems

    if like.transform is None:
        raise InputError(
            f"{file.source} holds map coordinates but {like.source} has no coordinate system: "
            "give a raster of the scene's size as mask."
        )
    layer = open_layer(file.name, file.part, file.source)
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

    return Mask(file.source, read)
