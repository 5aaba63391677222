"""What a label file says on the scene's grid, before a legend puts its classes in order."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.errors import InputError
from spectile.scenes.legend import LARGEST_VALUE
from spectile.scenes.palette import Color
from spectile.scenes.scene import Scene

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

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class LabelValues:
    """Class values on the scene's grid with whatever the file says about them."""

    values: NDArray[np.int32]
    """Shape (H, W): the file's own class numbers, 0 where nothing is labelled."""
    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, Color] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Sentences about what was left out or decided."""


@dataclass(frozen=True)
class NumberedCells:
    """The classes of a column as numbers."""

    values: NDArray[np.int32]
    """Shape (n,): 0 where the cell is empty."""
    names: Mapping[int, str]
    """Names of classes that the column gives as text."""


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


def number_cells(
    cells: Sequence[object],
    *,
    source: str,
    place: Callable[[int], str],
    numbers: Mapping[str, int] | None = None,
) -> NumberedCells:
    """Numbers for the cells of a class column: text, numbers, None, NaN or empty.

    A column of whole numbers keeps them. Text is looked up in `numbers`, those that a legend
    gives its names; what isn't there is numbered 1 to K in sorted order, and so are numbers past
    65535, which maps have no room for. `place` says where a cell stands ("line 7"), for messages.
    """
    texts = [_cell_text(cell) for cell in cells]
    filled = {text for text in texts if text}
    if not filled:
        raise InputError(f"The class column of {source} is empty: choose another with --column.")
    ordered = sorted(filled)
    if all(_NUMBER.fullmatch(text) and len(text) < 19 for text in filled):
        whole = [_whole(text, source, place(at)) if text else 0 for at, text in enumerate(texts)]
        if max(whole) <= LARGEST_VALUE:
            return NumberedCells(np.array(whole, dtype=np.int32), {})
        texts = [str(number) if number else "" for number in whole]
        ordered = [str(number) for number in sorted(set(whole) - {0})]
    known = dict(numbers or {})
    taken = set(known.values())
    free = (number for number in count(1) if number not in taken)
    known |= {text: next(free) for text in ordered if text not in known}
    if len(known) > LARGEST_VALUE:
        raise InputError(
            f"The class column of {source} holds {len(ordered)} different entries: "
            "choose the column of classes with --column."
        )
    values = np.array([known.get(text, 0) for text in texts], dtype=np.int32)
    return NumberedCells(values, {number: text for text, number in known.items()})


def _cell_text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _whole(text: str, source: str, place: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        raise InputError(
            f"{source} has {text} as a class in {place}: classes are whole numbers or names, "
            "so choose another column with --column."
        )
    number = int(text.partition(".")[0])
    if number < 1:
        raise InputError(
            f"{source} has the class {number} in {place}, but 0 means unlabelled: "
            "number the classes from 1 or give them names."
        )
    return number
