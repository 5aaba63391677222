"""The map itself: the class of each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.legend import Legend
from spectile.mapping.layers.layer import Layer, TilePixels


def dtype(legend: Legend) -> str:
    """The smallest type that holds the values of all classes."""
    return "uint8" if max(legend.values) <= 255 else "uint16"


def compute(pixels: TilePixels) -> NDArray[np.unsignedinteger]:
    """The legend's values (h, w)."""
    legend = pixels.model.legend
    values: NDArray[np.unsignedinteger] = np.array([0, *legend.values], dtype(legend))
    return values[pixels.classes]


LAYER = Layer(
    name="classes",
    description="class",
    compute=compute,
    dtype=dtype,
    nodata=0,
    suffix="",
    holds_classes=True,
)
