"""Baselines: the same pixels for all, a bounded time, and a run that no baseline can end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.mapping.smoothing.plain_filter import plain_filter

from spectile.api.training import as_scene
from spectile.choices import SpectraClassifier
from spectile.data.datasets.simulated import simulate
from spectile.data.labels.as_labels import as_labels
from spectile.data.preprocessing.guide import fit_guide
from spectile.data.splits.splits import TEST, TRAIN
from spectile.errors import InputError
from spectile.model.smoothing import EPSILON
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.scene import baselines as module
from spectile.tasks.scene.baselines import baselines, chosen
from spectile.tasks.scene.preparation import Preparation, prepare
from spectile.tasks.scene.splitting import make_split
from spectile.tasks.settings import settings_from
from spectile.training.spectra.classifiers import classifier

PIXELS, CLASSES = simulate(60, 66, 8, 3, seed=5)
PIXELS = PIXELS + np.random.default_rng(1).normal(0, 0.1, PIXELS.shape)  # nobody has all right


def prepared(classes: NDArray[np.uint8] = CLASSES) -> tuple[Any, Preparation]:
    scene = as_scene(np.moveaxis(PIXELS, 0, -1))
    labels = as_labels(classes, like=scene)
    config = settings_from("scene", scene="-", labels="-", split="random", window=1)
    assert isinstance(config, SceneConfig)
    split = make_split(scene, labels, config)
    return scene, prepare(scene, labels, tuple(range(8)), split, config, [])


def found(
    *wanted: SpectraClassifier, seconds: float | None = None, mapped: Sequence[int] | None = None
) -> dict[str, Any]:
    scene, preparation = prepared()
    truth = preparation.pixels(TEST)[2].astype(np.int32)
    ours = truth if mapped is None else np.resize(np.array(mapped, np.int32), len(truth))
    return baselines(scene, preparation, ours, wanted, seconds=seconds, seed=0, threads=1)


def test_a_map_without_errors_is_ahead_by_all_that_a_baseline_lacks() -> None:
    every = found("svm", "lda", "forest")["baselines"]
    assert list(every) == ["svm", "lda", "forest"]
    for one in every.values():
        assert 0.5 < one["overall_accuracy"] < 1
        for name in ("overall_accuracy", "average_accuracy", "kappa"):
            assert one[name] + one["ahead"][name] == pytest.approx(1)


def test_more_pixels_than_wanted_are_sampled_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRAINED", {"svm": 40, "lda": 90})
    monkeypatch.setattr(module, "TESTED", 500)
    every = found("svm", "lda")["baselines"]
    assert every["svm"]["train_pixels"] == pytest.approx(40, abs=3)
    assert every["lda"]["train_pixels"] == pytest.approx(90, abs=3)
    for one in every.values():
        assert one["test_pixels"] == pytest.approx(500, abs=3)
        assert one["overall_accuracy"] + one["ahead"]["overall_accuracy"] == pytest.approx(1)


def test_what_takes_longer_than_the_fit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST", 0.0)
    said = found("svm", "lda", seconds=0.0)
    assert said["baselines"] == {}
    assert "as long as the fit" in said["baselines_left_out"]["svm"]
    monkeypatch.setattr(module, "QUICK", 10)
    monkeypatch.setattr(module, "GROWTH", {"svm": 30.0, "lda": 0.0})
    said = found("svm", "lda", seconds=600.0)
    assert list(said["baselines"]) == ["lda"], "an eighth of the pixels tells of the rest"
    assert "it would take about" in said["baselines_left_out"]["svm"]


def test_what_scikit_learn_refuses_is_left_out_with_its_reason() -> None:
    few = np.zeros_like(CLASSES)
    for value in (1, 2, 3):
        few[tuple(np.argwhere(value == CLASSES)[:2].T)] = value
    scene, preparation = prepared(few)
    ours = preparation.pixels(TEST)[2].astype(np.int32)
    said = baselines(scene, preparation, ours, ["svm", "lda"], seconds=None, seed=0, threads=1)
    assert list(said["baselines"]) == ["svm"]
    assert "number of samples" in said["baselines_left_out"]["lda"]


def test_the_smoothed_map_is_that_of_the_definition() -> None:
    scene, preparation = prepared()
    rows, columns, truth = preparation.pixels(TEST)
    ours = truth.astype(np.int32)
    said = baselines(scene, preparation, ours, ["svm"], seconds=None, seed=0, threads=1, smooth=2)
    spectra = PIXELS.reshape(8, -1).T.astype(np.float64)
    trained = PIXELS[:, preparation.split.assignment == TRAIN].T.astype(np.float64)
    targets = preparation.pixels(TRAIN)[2]
    svm = classifier("svm", 8).fit(trained, targets)
    classes = svm.predict(spectra).reshape(CLASSES.shape)
    known = np.ones(CLASSES.shape, np.bool_)
    guide = fit_guide(trained, trained).of(PIXELS)
    smooth = plain_filter(classes == np.arange(3)[:, None, None], guide, known, 2, EPSILON)
    expected = (smooth.argmax(0)[rows, columns] == truth).mean()
    found = said["baselines"]
    assert found["svm_smoothed"]["overall_accuracy"] == pytest.approx(expected, abs=2e-3)
    assert expected > found["svm"]["overall_accuracy"] + 0.05
    assert found["svm_smoothed"]["seconds"] > found["svm"]["seconds"]


def test_a_smoothed_map_that_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pixels_to_classify", lambda *_: 10**12)
    scene, preparation = prepared()
    ours = preparation.pixels(TEST)[2].astype(np.int32)
    said = baselines(scene, preparation, ours, ["svm"], seconds=9.0, seed=0, threads=1, smooth=2)
    assert list(said["baselines"]) == ["svm"]
    assert "it would take about" in said["baselines_left_out"]["svm_smoothed"]


def test_pixels_that_the_map_lacks_count_for_neither() -> None:
    every = found("svm", mapped=(-1, 0))["baselines"]
    assert every["svm"]["ahead"]["overall_accuracy"] < 0, "a map of one class"


def test_a_run_is_not_compared_with_itself() -> None:
    assert chosen("auto", "hybridsn") == ("svm", "lda", "forest")
    assert chosen("forest,svm", "svm") == ("forest",)
    assert chosen("none", "hybridsn") == ()


def test_an_unknown_baseline_is_refused() -> None:
    with pytest.raises(InputError, match="no baseline 'knn': choose some of svm, lda, forest"):
        settings_from("scene", scene="-", baselines="svm,knn")
