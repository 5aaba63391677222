"""What a label file says on the scene's grid, before a legend puts its classes in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.counts import Counts
from spectile.data.labels.legend import LARGEST_VALUE
from spectile.data.labels.palette import Color
from spectile.data.scene import Scene
from spectile.errors import InputError

CLASS_COLUMNS = (
    "class",
    "class_name",
    "classname",
    "class_id",
    "classid",
    "label",
    "category",
    "landcover",
    "land_cover",
    "lulc",
)
"""Names that a column of classes is known by, in whatever case; the first one present is taken."""


@dataclass(frozen=True)
class LabelValues:
    """Class values on the scene's grid with whatever the file says about them."""

    values: NDArray[np.int32]
    """Shape (H, W): the file's own class numbers, 0 where nothing is labelled."""
    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, Color] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Sentences about what was left out or decided."""
    counts: Counts | None = None


def class_values(pixels: NDArray[Any], source: str) -> NDArray[np.int32]:
    """Pixels of a label raster as int32: 0 for zero, negative, NaN and infinite values.

    Raises InputError for values that are no whole numbers or past 65535.
    """
    if pixels.dtype.kind not in "buif":
        raise InputError(
            f"{source} holds {pixels.dtype} values: a label raster holds a whole number a pixel."
        )
    labelled = pixels > 0
    if pixels.dtype.kind == "f":
        labelled &= np.isfinite(pixels)
    found = pixels[labelled]
    if pixels.dtype.kind == "f" and (broken := found[found != np.rint(found)]).size:
        raise InputError(
            f"{source} holds {broken[0]:g}, which is no whole number: "
            "give a raster of class numbers, not of measurements."
        )
    if found.size and found.max() > LARGEST_VALUE:
        raise InputError(
            f"{source} holds the class {int(found.max())}, but maps have room for classes from 1 "
            f"to {LARGEST_VALUE}: renumber them."
        )
    values = np.zeros(pixels.shape, dtype=np.int32)
    values[labelled] = found
    return values


def check_size(shape: tuple[int, int], like: Scene, source: str) -> None:
    """Raise InputError unless labels without georeference have the scene's (height, width)."""
    if shape == (like.height, like.width):
        return
    hint = "give labels of the scene's size, or both with a coordinate system"
    if shape == (like.width, like.height):
        hint = "they look transposed, so swap the axes of one"
    raise InputError(
        f"{source} is {shape[0]} rows by {shape[1]} columns, but {like.source} is {like.height} "
        f"by {like.width}: {hint}."
    )
