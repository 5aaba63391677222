"""The temperature of a model, and how its probabilities are held against test pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.small_model import WINDOW, cube, small_model

from spectile.data.labels.labels import Places
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.splits.overlap import Overlap
from spectile.data.splits.splits import TRAIN, VALIDATION, Split
from spectile.mapping.at_pixels import probabilities_at
from spectile.mapping.compute import Compute
from spectile.model.model import Model
from spectile.tasks.calibration import calibrated, calibration

SCENE = scene_from_array(cube(60, 70))
NONE = np.zeros(0, np.int64)


def split(validation: Places, *, apart: bool = True, overlap: float = 0.0) -> Split:
    """Training pixels far from the validation pixels, or beside them all."""
    assignment = np.zeros((SCENE.height, SCENE.width), np.uint8)
    assignment[SCENE.height - 1 if apart else slice(None)] = TRAIN
    assignment[validation[:2]] = VALIDATION
    shared = Overlap(WINDOW, overlap, overlap)
    return Split(assignment, "blocks", 0, WINDOW, shared, ("a", "b"), np.zeros((2, 4), np.int64))


def sure_model() -> Model:
    """The small model, sure of all that it says."""
    model = small_model()
    weights = model.network.classifier[-1]
    weights.weight.data *= 3000
    weights.bias.data *= 3000
    return model


def labelled(model: Model, rows: slice, right: float) -> Places:
    """Pixels of some rows, of which the model has so many right."""
    places = np.mgrid[rows, 2:68].reshape(2, -1)
    said = probabilities_at(model, SCENE, *places)
    places, said = places[:, ~np.isnan(said[:, 0])], said[~np.isnan(said[:, 0])].argmax(axis=1)
    wrong = np.random.default_rng(0).random(len(said)) > right
    return *places, np.where(wrong, 1 - said, said).astype(np.int64)


def test_a_model_that_is_too_sure_is_tempered() -> None:
    model = sure_model()
    pixels = labelled(model, slice(2, 28), 0.7)
    fitted = calibrated(model, SCENE, pixels, split(pixels, apart=False), Compute(), seed=0)
    assert fitted.temperature > 1.5
    told = calibration(fitted, SCENE, labelled(model, slice(32, 58), 0.7), Compute(), seed=0)
    assert told["ece"] < 0.5 * told["ece_uncalibrated"]
    assert told["temperature"] == fitted.temperature
    assert told["validation_pixels"] > 1000
    assert told["pixels"] == sum(row["pixels"] for row in told["bins"])
    accuracy = sum(row["pixels"] * row["accuracy"] for row in told["bins"]) / told["pixels"]
    assert accuracy == pytest.approx(0.7, abs=0.05)
    assert told["note"] is None


def test_easy_validation_pixels_make_no_model_surer_of_other_ground() -> None:
    """The small model says 0.5 of all; where it is right it might say more, but only there."""
    model = small_model()
    pixels = labelled(model, slice(2, 28), 0.95)
    test = labelled(model, slice(32, 58), 0.7)
    for given, surer in (
        (split(pixels), True),
        (split(pixels, apart=False, overlap=1.0), True),  # test pixels are as easy
        (split(pixels, apart=False), False),
    ):
        fitted = calibrated(model, SCENE, pixels, given, Compute(), seed=0)
        assert (fitted.temperature < 0.5) == surer
        told = calibration(fitted, SCENE, test, Compute(), seed=0)
        assert (told["note"] is None) == surer
        beside = (given.assignment == TRAIN).sum() > SCENE.width
        assert (told["validation_overlap"] > 0.5) == beside
    assert fitted.temperature == 1
    assert "ask for surer probabilities (a temperature of 0.1" in told["note"]


def test_what_is_measured_is_the_probabilities_of_the_map() -> None:
    model = sure_model()
    test = labelled(model, slice(32, 58), 0.7)
    tempered = replace(model, temperature=2.0)
    found = probabilities_at(tempered, SCENE, *test[:2]).max(axis=1).mean()
    told = calibration(tempered, SCENE, test, Compute(), seed=0)
    says = sum(row["pixels"] * row["confidence"] for row in told["bins"]) / told["pixels"]
    assert says == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        ((NONE, NONE, NONE), "There is no validation pixel to calibrate on"),
        ((np.array([5, 6]), np.array([7, 7]), np.array([1, 1])), "no second class among valid"),
    ],
)
def test_nothing_to_fit_on_leaves_probabilities_alone(pixels: Places, words: str) -> None:
    model = calibrated(small_model(), SCENE, pixels, split(pixels), Compute(), seed=0)
    assert model.temperature == 1
    told = calibration(model, SCENE, labelled(model, slice(2, 9), 0.9), Compute(), seed=0)
    assert words in told["note"]
    assert told["ece"] == told["ece_uncalibrated"]


def test_a_model_of_before_says_that_it_has_no_temperature() -> None:
    pixels = labelled(small_model(), slice(2, 9), 0.9)
    told = calibration(small_model(), SCENE, pixels, Compute(), seed=0)
    assert "fitted without a temperature" in told["note"]
    nothing = calibration(small_model(), SCENE, (NONE, NONE, NONE), Compute(), seed=0)
    assert (nothing["ece"], nothing["pixels"], nothing["bins"]) == (None, 0, [])
