"""How much of a scene, and of its test pixels, is unlike the training pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.preprocessing.components import read_spectra
from spectile.data.scene import Scene
from spectile.data.thinned import read_thinned
from spectile.model.applicability import Applicability
from spectile.model.model import Model

SAMPLE = 100_000
"""Pixels of the scene, and test pixels, that are looked at; all where there are no more."""
INSIDE, OUTSIDE = 1, 2
"""Codes of pixels; 0 is no data."""


def sides_of_applicability(model: Model, scene: Scene) -> NDArray[np.uint8] | None:
    """INSIDE or OUTSIDE of a regular grid of the scene's pixels, (h, w), 0 where no data are.

    Every pixel of a small scene. None for a model that doesn't know its training pixels.
    """
    if model.applicability is None:
        return None
    step = max(1, int(np.ceil(np.sqrt(scene.height * scene.width / SAMPLE))))
    pixels = read_thinned(scene, model.preprocessing.bands, step)
    valid = scene.valid(pixels)
    codes = np.zeros(valid.shape, np.uint8)
    codes[valid] = _codes(model, model.applicability, pixels[:, valid])
    return codes


def applicability_in(
    model: Model,
    scene: Scene,
    codes: NDArray[np.uint8] | None,
    mapped: NDArray[np.int32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    truth: NDArray[np.int64],
) -> dict[str, Any]:
    """What metrics.json says under `applicability`, if `codes` say anything.

    `codes` are :func:`sides_of_applicability`; `rows`, `columns`, the class indices `truth` (N,)
    and `mapped`, those that the map says, are of the test pixels, of which a regular sample is
    looked at where there are many.
    """
    if model.applicability is None or codes is None:
        return {}
    kept = slice(None, None, -(-len(rows) // SAMPLE))
    rows, columns, truth, mapped = rows[kept], columns[kept], truth[kept], mapped[kept]
    known = mapped >= 0
    spectra = read_spectra(scene, rows[known], columns[known], model.preprocessing.bands)
    outside = _codes(model, model.applicability, spectra.T) == OUTSIDE
    right = mapped[known] == truth[known]
    found = {
        "threshold": model.applicability.threshold,
        "outside_share": _mean(codes[codes > 0] == OUTSIDE),
        "outside_share_test": _mean(outside),
        "accuracy_inside": _mean(right[~outside]),
        "accuracy_outside": _mean(right[outside]),
        "pixels": int((codes > 0).sum()),
    }
    return {"applicability": found}


def _codes(model: Model, known: Applicability, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """The codes (N,) of valid pixels (bands, N)."""
    components = model.preprocessing.reducer.apply(pixels[:, None])[:, 0]
    inside = known.inside(known.dissimilarity(components.T))
    return np.where(inside, INSIDE, OUTSIDE).astype(np.uint8)


def _mean(told: NDArray[np.bool_]) -> float | None:
    return float(told.mean()) if len(told) else None
