"""The spectra in a report: of the right pixels, and the surest mistakes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.mapping.small_model import small_model

from spectile.data.readers.in_memory import scene_from_array
from spectile.data.splits.splits import TEST, TRAIN
from spectile.tasks.calibration import Known
from spectile.tasks.scene.spectra import ALIKE, spectra_of


def material() -> tuple[Any, Any]:
    """Six bands in falling order of wavelength; class 0 is 10, class 1 is 20, tests 1 brighter."""
    classes = np.arange(40).reshape(4, 10) % 2
    assignment = np.where(np.arange(40).reshape(4, 10) < 20, TRAIN, TEST)
    pixels = np.empty((6, 4, 10), np.float32)
    pixels[:] = 10 * (1 + classes) + (assignment == TEST)
    pixels += np.arange(6)[:, None, None] * 100
    scene = scene_from_array(pixels, wavelengths=np.array([900.0, 800, 700, 600, 500, 400]))

    def places(side: int) -> Any:
        rows, columns = np.nonzero(assignment == side)
        return rows, columns, classes[rows, columns].astype(np.int64)

    preparation = SimpleNamespace(
        pixels=places,
        preprocessing=SimpleNamespace(bands=(0, 1, 3, 4)),
        labels=SimpleNamespace(legend=("a", "b", "never")),
    )
    return scene, preparation


def test_means_are_of_each_side_and_bands_rise_with_wavelength():
    scene, preparation = material()
    nobody = Known(np.array([], np.int64), np.zeros((0, 3), np.float32), np.array([], np.int64))
    found = spectra_of(scene, preparation, small_model(), nobody)
    assert found.at.tolist() == [500, 600, 800, 900]
    first, second, never = found.training
    assert first.mean.tolist() == [410, 310, 110, 10]
    assert second.mean.tolist() == [420, 320, 120, 20]
    assert second.spread.tolist() == [0] * 4
    assert never is None
    assert found.tested[0].mean.tolist() == [411, 311, 111, 11]
    assert (first.pixels, found.tested[0].pixels) == (10, 10)
    assert found.errors == []


def test_the_surest_mistakes_come_first_and_few_of_a_kind():
    scene, preparation = material()
    truth = preparation.pixels(TEST)[2]
    probabilities = np.full((20, 3), 0.05, np.float32)
    probabilities[np.arange(20), truth] = 0.9
    for place, sure in ((2, 0.8), (4, 0.95), (6, 0.99), (8, 0.7)):  # all of class 0
        probabilities[place] = (1 - sure) / 2
        probabilities[place, 1] = sure
    probabilities[10] = (0.3, 0.1, 0.6)
    known = Known(np.arange(20), probabilities, truth)
    errors = spectra_of(scene, preparation, small_model(), known).errors
    assert ALIKE == 2
    assert [(e.row, e.column, e.truth, e.found) for e in errors] == [
        (2, 6, 0, 1),
        (2, 4, 0, 1),
        (3, 0, 0, 2),
    ]
    assert errors[0].probability == pytest.approx(0.99)
    assert errors[0].values.tolist() == [411, 311, 111, 11]
