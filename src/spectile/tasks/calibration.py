"""A model's probabilities held against labels: its temperature, and how far to believe them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Places
from spectile.data.scene import Scene
from spectile.data.splits.overlap import measure_overlap
from spectile.data.splits.splits import TRAIN, VALIDATION, Split
from spectile.mapping.at_pixels import probabilities_at, sample_in_squares
from spectile.mapping.compute import Compute
from spectile.model.model import Model
from spectile.model.temperature import with_temperature
from spectile.scoring.calibration import (
    expected_calibration_error,
    fitted_temperature,
    reliability,
)

FITTED_ON, MEASURED_ON = 2000, 5000
"""Pixels at most that a temperature is fitted on, and that calibration is measured on."""
SQUARE, SQUARES = 16, 300
"""Edge of the squares that pixels are drawn in, and how many there are at most.

Small, for pixels of one field tell one thing; and not too many, for each takes a window around it.
"""
ALIKE = 0.05
"""Validation pixels overlap training as test pixels do if the shares differ by no more."""
EASIER = (
    "Validation pixels ask for surer probabilities (a temperature of {temperature:.2f}), but they "
    "lie among the training pixels and test pixels don't: probabilities are as they came."
)
NOT_FITTED = {
    "validation_pixels": 0,
    "validation_overlap": 0.0,
    "note": "The model was fitted without a temperature: its probabilities are as they came.",
}


@dataclass(frozen=True, eq=False)
class Known:
    """What a model says of some of the pixels whose class is known, those that hold data."""

    indices: NDArray[np.int64]
    """(N,) among the pixels."""
    probabilities: NDArray[np.float32]
    """(N, classes), without a temperature."""
    truth: NDArray[np.int64]
    """(N,) class indices from 0."""


def calibrated(
    model: Model, scene: Scene, validation: Places, split: Split, compute: Compute, *, seed: int
) -> Model:
    """The model with the temperature that validation pixels ask for.

    It stays 1 where there are none, or of one class alone. And it isn't below 1 where validation
    pixels lie among training pixels and test pixels don't: they are easier than other ground, and
    can't tell that the map may be surer of itself. Its provenance says so.
    """
    known = _known(model, scene, validation, FITTED_ON, compute, seed)
    probabilities, truth = known.probabilities, known.truth
    overlap = _validation_overlap(split)
    note, temperature = None, 1.0
    if len(np.unique(truth)) > 1:
        temperature = fitted_temperature(probabilities, truth)
        if temperature < 1 and overlap > split.overlap.window_overlap + ALIKE:
            note = EASIER.format(temperature=temperature)
            temperature = 1.0
    else:
        lacking = "validation pixel" if not len(truth) else "second class among validation pixels"
        note = f"There is no {lacking} to calibrate on: probabilities are as they came."
    told = {"validation_pixels": len(truth), "validation_overlap": overlap, "note": note}
    provenance = {**model.provenance, "calibration": told}
    return replace(model, temperature=temperature, provenance=provenance)


def _validation_overlap(split: Split) -> float:
    """The share of validation pixels whose class depends on a pixel of a training window."""
    validation = split.assignment == VALIDATION
    if not validation.any():
        return 0.0
    found = measure_overlap(
        split.assignment == TRAIN, validation, split.window, split.overlap.smooth
    )
    return found.window_overlap


def calibration(
    model: Model, scene: Scene, test: Places, compute: Compute, *, seed: int
) -> dict[str, Any]:
    """``calibration`` of metrics.json: how often the model is right where it says so.

    Measured on test pixels, of large scenes on some of them.
    """
    return calibration_on(model, asked_about(model, scene, test, compute, seed=seed))


def asked_about(model: Model, scene: Scene, test: Places, compute: Compute, *, seed: int) -> Known:
    """What the model says of test pixels, of large scenes of some of them."""
    plain = replace(model, temperature=1.0)
    return _known(plain, scene, test, MEASURED_ON, compute, seed)


def calibration_on(model: Model, known: Known) -> dict[str, Any]:
    """The same as :func:`calibration`, of pixels that the model was asked about already."""
    probabilities, truth = known.probabilities, known.truth
    tempered = with_temperature(probabilities.T, model.temperature).T
    before, after = (reliability(each, truth) for each in (probabilities, tempered))
    of_fit = model.provenance.get("calibration", NOT_FITTED)
    return {
        "temperature": model.temperature,
        "ece": expected_calibration_error(after) if after else None,
        "ece_uncalibrated": expected_calibration_error(before) if before else None,
        "pixels": len(truth),
        "bins": after,
        **of_fit,
    }


def _known(
    model: Model, scene: Scene, pixels: Places, count: int, compute: Compute, seed: int
) -> Known:
    """Of some of the pixels."""
    rows, columns, truth = pixels
    chosen = sample_in_squares(rows, columns, count, seed=seed, squares=SQUARES, edge=SQUARE)
    if not len(chosen):
        return Known(chosen, np.zeros((0, len(model.legend)), np.float32), truth)
    found = probabilities_at(model, scene, rows[chosen], columns[chosen], compute)
    known = ~np.isnan(found[:, 0])
    return Known(chosen[known], found[known], truth[chosen][known])
