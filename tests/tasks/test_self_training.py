"""A run labels pixels itself without a look at the labels that it is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.datasets.simulated import simulate
from spectile.data.labels.labels import Labels, Places, labels_from_array
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene, UnreadableError
from spectile.data.splits.splits import TEST, TRAIN
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.scene import self_training
from spectile.tasks.scene.preparation import Preparation, prepare
from spectile.tasks.scene.self_training import self_labelled
from spectile.tasks.scene.splitting import make_split
from spectile.training.recipes import Recipe
from spectile.training.regions import fit_spectral_branch

CLASSES, COUNT = 4, 20
RECIPE = Recipe(window=3, components=5, self_training=COUNT)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_spectral_branch, "STEPS", 60)


@pytest.fixture(scope="module")
def material() -> tuple[Scene, Labels, Preparation]:
    pixels, classes = simulate(70, 60, 20, CLASSES, seed=1)
    pixels[:, :4] = np.nan
    scene, labels = scene_from_array(pixels), labels_from_array(classes)
    labels.classes[:4] = 0
    config = SceneConfig(scene="", recipe=RECIPE)
    split = make_split(scene, labels, config)
    bands = tuple(range(scene.bands))
    return scene, labels, prepare(scene, labels, bands, split, config, [])


def labelled(scene: Scene, preparation: Preparation, recipe: Recipe = RECIPE) -> Places:
    return self_labelled(scene, preparation, recipe, classes=CLASSES, seed=0)


def test_pixels_are_named_well_all_over_the_image(
    material: tuple[Scene, Labels, Preparation],
) -> None:
    scene, labels, preparation = material
    rows, columns, classes = labelled(scene, preparation)
    sides = preparation.split.assignment
    assert (sides[rows, columns] == TEST).any()
    trained = np.argwhere(sides == TRAIN)
    apart = np.abs(np.stack([rows, columns], 1)[:, None] - trained).max(2).min(1)
    assert (apart > RECIPE.window // 2).all()
    assert (rows >= 4).all()  # no data above
    assert len(np.unique(rows * scene.width + columns)) == len(rows)
    assert np.bincount(classes, minlength=CLASSES).max() <= COUNT
    truth = labels.classes[rows, columns]
    assert ((classes + 1 == truth) | (truth == 0)).mean() > 0.9


def test_labels_of_test_pixels_decide_on_nothing(
    material: tuple[Scene, Labels, Preparation],
) -> None:
    scene, labels, preparation = material
    shuffled = labels.classes.copy()
    tested = preparation.split.assignment == TEST
    shuffled[tested] = np.random.default_rng(0).permutation(shuffled[tested])
    other = replace(preparation, labels=replace(labels, classes=shuffled))
    for found, expected in zip(labelled(scene, other), labelled(scene, preparation), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_large_scenes_are_looked_at_in_squares(
    material: tuple[Scene, Labels, Preparation], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, _, preparation = material
    monkeypatch.setattr(self_training, "EDGE", 10)
    monkeypatch.setattr(self_training, "MOST", 1000)
    rows, columns, classes = labelled(scene, preparation)
    squares = np.unique(rows // 10 * 6 + columns // 10)
    assert 1 < len(squares) <= 10
    assert len(np.unique(classes)) > 1


def test_nothing_that_anybody_is_sure_of_adds_nothing(
    material: tuple[Scene, Labels, Preparation], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, _, preparation = material
    monkeypatch.setattr(self_training, "SURE", 2.0)
    assert [len(found) for found in labelled(scene, preparation)] == [0, 0, 0]


def test_what_cannot_be_read_is_left_out(material: tuple[Scene, Labels, Preparation]) -> None:
    scene, _, preparation = material

    class Torn:
        block = (1, scene.width)

        def read(self, window: Window, bands: Sequence[int]) -> NDArray[np.generic]:
            if window.row_off <= 50 < window.row_off + window.height:
                raise UnreadableError("scene", window, "torn")
            return scene.reader.read(window, bands)

    (part,) = self_training._parts(replace(scene, reader=Torn()), preparation.preprocessing)
    assert np.flatnonzero(~part.valid.any(axis=1)).tolist() == [0, 1, 2, 3, 50]
