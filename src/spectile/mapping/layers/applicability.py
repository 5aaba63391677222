"""Where the model can be believed: how unlike the training pixels each pixel is.

Meyer and Pebesma, Methods in Ecology and Evolution 12, 2021; see
:mod:`spectile.model.applicability`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectile.errors import InputError
from spectile.mapping.layers.layer import Layer, TilePixels
from spectile.model.model import Model


def check(model: Model) -> None:
    """Raise InputError for a model that doesn't know what it was trained on."""
    if model.applicability is None:
        raise InputError(
            "the model doesn't know the spectra that it was trained on, so there is no layer "
            "applicability: models that `spectile train scene` writes know them, so train it anew."
        )


def compute(pixels: TilePixels) -> NDArray[np.float32]:
    """The dissimilarity index and 1 inside, 0 outside: (2, h, w)."""
    applicability = pixels.model.applicability
    assert applicability is not None, "check comes first"
    components = pixels.components
    known = pixels.classes != 0
    layers = np.full((2, *known.shape), np.nan, np.float32)
    if known.any():
        layers[0, known] = applicability.dissimilarity(components[:, known].T)
        layers[1, known] = applicability.inside(layers[0, known])
    return layers


LAYER = Layer(
    name="applicability",
    description="how unlike the training pixels",
    compute=compute,
    bands=lambda legend: (
        "dissimilarity index, 0 as in training",
        "1 inside, 0 outside the area of applicability",
    ),
    needs_components=True,
    check=check,
)
