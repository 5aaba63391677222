"""A rectangle of a scene, given in pixels or in map coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from rasterio.transform import rowcol
from rasterio.windows import Window

from spectile.data.projection import scene_box
from spectile.data.scene import Scene
from spectile.errors import InputError

TOUCH = 1e-6
"""Share of a pixel that rounding may reach into a neighbour without taking it in."""


def region_in_pixels(scene: Scene, column: int, row: int, width: int, height: int) -> Window:
    """The rectangle from `column` and `row`, counted from 0; InputError unless it lies inside."""
    if (
        min(column, row) < 0
        or min(width, height) < 1
        or column + width > scene.width
        or row + height > scene.height
    ):
        raise InputError(
            f"the region of {width} x {height} pixels from column {column}, row {row} doesn't lie "
            f"inside {scene.source} ({scene.width} x {scene.height} pixels, counted from 0): "
            "give first column, first row, width and height."
        )
    return Window(column, row, width, height)


def as_region(region: Window | Sequence[int], scene: Scene) -> Window:
    """A rectangle given as a Window or as (column, row, width, height); see region_in_pixels."""
    if isinstance(region, Window):
        numbers: Sequence[Any] = (region.col_off, region.row_off, region.width, region.height)
    else:
        numbers = region
    if len(numbers) != 4 or any(int(number) != number for number in numbers):
        raise InputError(
            f"the region {region} is none: give first column, first row, width and height."
        )
    column, row, width, height = map(int, numbers)
    return region_in_pixels(scene, column, row, width, height)


def region_on_the_ground(
    scene: Scene, left: float, bottom: float, right: float, top: float
) -> Window:
    """The pixels that a rectangle in the scene's coordinate system touches.

    In a scene that is turned on the ground, the smallest rectangle of pixels around them. Raises
    InputError for a scene without georeference and for a rectangle that doesn't meet it.
    """
    if scene.transform is None:
        raise InputError(f"{scene.source} has no georeference: give the region in pixels instead.")
    bounded = np.isfinite((left, bottom, right, top)).all()
    if not (bounded and left < right and bottom < top):
        raise InputError(
            f"the bounds {left:g} {bottom:g} {right:g} {top:g} enclose nothing: "
            "give left, bottom, right and top in the scene's coordinate system."
        )
    x, y = [left, left, right, right], [bottom, top, bottom, top]
    rows, columns = rowcol(scene.transform, x, y, op=np.asarray)  # with their fractions
    first_column, last_column = _touched(columns.min(), columns.max(), scene.width)
    first_row, last_row = _touched(rows.min(), rows.max(), scene.height)
    if first_column >= last_column or first_row >= last_row:
        west, south, east, north = scene_box(scene)
        raise InputError(
            f"the bounds {left:.10g} {bottom:.10g} {right:.10g} {top:.10g} don't meet "
            f"{scene.source}, which covers {west:.10g} {south:.10g} {east:.10g} {north:.10g}: "
            "give them in its coordinate system."
        )
    return Window(first_column, first_row, last_column - first_column, last_row - first_row)


def _touched(start: float, stop: float, length: int) -> tuple[int, int]:
    return max(0, math.floor(start + TOUCH)), min(length, math.ceil(stop - TOUCH))
