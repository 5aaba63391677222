"""Features drawn onto a scene's grid, with what each class covers and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from spectile.data.labels.counts import count_values
from spectile.data.labels.geometry import draw_shapes, single_parts
from spectile.data.scene import Scene


@dataclass(frozen=True)
class Drawn:
    """Features on a scene's grid."""

    values: NDArray[np.int32]
    """Shape (H, W): the class value of the last feature on each pixel, 0 without any."""
    covered: Mapping[int, int]
    """Pixels that each class would take alone, by value."""
    pixels: Mapping[int, int]
    """Pixels that each class has."""
    contested: int
    """Pixels under features of different classes."""
    beyond: NDArray[np.bool_]
    """Which features reach beyond the scene by more than a pixel."""
    too_small: NDArray[np.bool_]
    """Which features cover no pixel, even alone."""


def draw_features(geometries: NDArray[Any], values: NDArray[np.int32], like: Scene) -> Drawn:
    """Draw geometries in the scene's coordinates, the later over the earlier.

    The features' places are drawn instead of their classes: those that don't occur are told in
    one look.
    """
    places = np.zeros((like.height, like.width), np.int32)
    shapes = [
        (part, place)
        for place, geometry in enumerate(geometries, start=1)
        for part in single_parts(geometry)
        if not part.is_empty
    ]
    draw_shapes(shapes, places, like.transform)
    seen = np.bincount(places.ravel(), minlength=len(geometries) + 1)[1:] > 0
    of_place = np.concatenate([[0], values]).astype(np.int32)
    classes = np.empty_like(places)
    for row in range(len(places)):  # whole, the index would take twice the memory of the grid
        classes[row] = of_place[places[row]]
    boxes = _pixel_boxes(geometries, like)
    too_small = np.zeros(len(geometries), np.bool_)
    for at in np.flatnonzero(~seen).tolist():
        too_small[at] = not _mask([(geometries[at], 1)], _window(boxes[at], like), like).any()
    covered, contested = _covered(geometries, values, boxes, classes, like)
    limits = np.array([like.height, like.width])
    beyond: NDArray[np.bool_] = np.any((boxes[:, :2] < -1) | (boxes[:, 2:] > limits + 1), axis=1)
    return Drawn(classes, covered, count_values(classes), contested, beyond, too_small)


def _covered(
    geometries: NDArray[Any],
    values: NDArray[np.int32],
    boxes: NDArray[np.float64],
    classes: NDArray[np.int32],
    like: Scene,
) -> tuple[dict[int, int], int]:
    """Pixels under each class, and how many of all lie under another class than their own."""
    covered = {}
    contested = np.zeros(classes.shape, np.bool_)
    for value in np.unique(values).tolist():
        members = np.flatnonzero(values == value)
        box = np.concatenate([boxes[members, :2].min(axis=0), boxes[members, 2:].max(axis=0)])
        window = _window(box, like)
        mask = _mask([(geometries[at], 1) for at in members.tolist()], window, like)
        covered[value] = int(np.count_nonzero(mask))
        part = window.toslices()
        contested[part] |= mask.astype(np.bool_) & (classes[part] != value)
    return covered, int(np.count_nonzero(contested))


def _mask(shapes: list[tuple[Any, int]], window: Window, like: Scene) -> NDArray[np.uint8]:
    grid = np.zeros((window.height, window.width), np.uint8)
    if not grid.size:
        return grid
    parts = [(part, value) for one, value in shapes for part in single_parts(one)]
    place: Affine = window_transform(window, like.transform)
    draw_shapes([(part, value) for part, value in parts if not part.is_empty], grid, place)
    return grid


def _pixel_boxes(geometries: NDArray[Any], like: Scene) -> NDArray[np.float64]:
    """First row, first column, last row and last column of each geometry, as fractions."""
    import shapely

    assert like.transform is not None  # features are drawn on scenes with coordinates
    west, south, east, north = shapely.bounds(geometries).T
    a, b, c, d, e, f = tuple(~like.transform)[:6]
    corners = [(x, y) for x in (west, east) for y in (south, north)]
    columns = np.stack([a * x + b * y + c for x, y in corners])
    rows = np.stack([d * x + e * y + f for x, y in corners])
    sides = (rows.min(axis=0), columns.min(axis=0), rows.max(axis=0), columns.max(axis=0))
    return np.stack(sides, axis=1)


def _window(box: NDArray[np.float64], like: Scene) -> Window:
    """The part of the scene that a box of rows and columns touches."""
    limits = (like.height, like.width)
    top, left = (int(np.clip(np.floor(box[n]), 0, limits[n])) for n in (0, 1))
    bottom, right = (int(np.clip(np.ceil(box[n + 2]) + 1, 0, limits[n])) for n in (0, 1))
    return Window(left, top, max(0, right - left), max(0, bottom - top))
