"""Test pixels on changed scenes: scored as a map of such a scene would be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.small_model import cube, small_model
from tests.mapping.small_segmenter import segment_model

from spectile.data.changed_scene import changed
from spectile.data.readers.in_memory import scene_from_array
from spectile.mapping.at_pixels import probabilities_at
from spectile.mapping.compute import Compute
from spectile.model.model import Model
from spectile.tasks.scene import stress as module
from spectile.tasks.scene.stress import changes_for, stress

SIZE = 14, 17


@pytest.mark.parametrize("method", ["dense", "patches"])
@pytest.mark.parametrize("model", [small_model(), small_model(wavelengths=True), segment_model()])
def test_scores_are_those_of_the_changed_scene(model: Model, method: str) -> None:
    scene = scene_from_array(cube(40, 50)[: model.scene_bands])
    compute = Compute() if model.task == "segment" else Compute(method)  # type: ignore[arg-type]
    rows, columns = (axis.ravel() for axis in np.mgrid[0:40:2, 0:50:3])
    truth = np.random.default_rng(0).integers(0, len(model.legend), len(rows))
    found = stress(model, scene, rows, columns, truth, compute)
    bands = model.for_scene(scene).bands
    made = changes_for(model, scene)
    held = scene.valid(scene.read(bands=bands))[rows, columns].sum()
    assert [(c["name"], c["size"]) for c in found["changes"]] == [(c.name, c.size) for c in made]
    for change, scored in zip(made, found["changes"], strict=True):
        said = probabilities_at(model, changed(scene, bands, change), rows, columns, compute)
        known = ~np.isnan(said[:, 0])
        right = (said.argmax(1) == truth)[known].mean()
        assert scored["overall_accuracy"] == pytest.approx(right, abs=0.01)
        assert found["pixels"] == known.sum() == held
    assert found["sentence"].endswith(".")


def test_a_change_is_one_of_values_as_the_model_takes_them() -> None:
    """A model of old reads stored numbers: it isn't given scaled ones, changed or not."""
    model = small_model()
    scene = scene_from_array(cube(*SIZE))
    scaled = replace(scene_from_array(100 * cube(*SIZE)), unscaled=scene)
    rows, columns = (axis.ravel() for axis in np.mgrid[4:10, 4:10])
    truth = np.zeros(len(rows), np.int64)
    assert stress(model, scaled, rows, columns, truth) == stress(model, scene, rows, columns, truth)


def test_lost_bands_hold_the_median_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model()
    kept = []
    monkeypatch.setattr(module, "changes", lambda scene, bands, typical: kept.append(typical))
    scene = scene_from_array(cube(*SIZE))
    for medians in (None, np.arange(4.0)):
        changes_for(replace(model, medians=medians), scene)
    np.testing.assert_array_equal(kept, [model.preprocessing.reducer.mean, np.arange(4.0)])


def test_many_pixels_are_sampled_in_whole_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIXELS", 200)
    monkeypatch.setattr(module, "FEW_PIXELS", 30)
    model, scene = small_model(), scene_from_array(cube(70, 130))
    rows, columns = (axis.ravel() for axis in np.mgrid[0:70, 0:130])
    truth = np.zeros(len(rows), np.int64)
    dense = stress(model, scene, rows, columns, truth)["pixels"]
    assert 200 <= dense < len(rows)
    patches = stress(model, scene, rows, columns, truth, Compute("patches"))["pixels"]
    assert 130 <= patches <= 300  # about as many in all as the map has
