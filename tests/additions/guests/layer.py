"""An output raster: how far the most probable class is ahead."""

from __future__ import annotations

import numpy as np

from spectile.mapping.layers.layer import Layer

LAYER = Layer(
    name="lead",
    description="the largest probability less the second",
    compute=lambda pixels: np.subtract(*np.sort(pixels.probabilities, axis=0)[:-3:-1]),
)
