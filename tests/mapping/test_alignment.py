"""A model brought to the light of another scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.cli.conftest import spectile
from tests.mapping.small_model import cube, small_model

import spectile as api
from spectile.api.model import Model, load
from spectile.data.datasets.simulated import simulate
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene_sample import BandStatistics, band_statistics
from spectile.errors import InputError
from spectile.mapping.alignment import aligned

BANDS = 10
WAVES = np.linspace(-1, 1, BANDS)
OTHER_LIGHT = 0.6 * (1 + 0.05 * WAVES) * (1 + 0.05 * (1.5 * WAVES**2 - 0.5))
"""Darker by two fifths, tilted and bowed by a twentieth."""


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.float32]:
    return simulate(64, 72, BANDS, 3, seed=3)[0]


@pytest.fixture(scope="module", params=["kept", "gain"])
def trained(
    request: pytest.FixtureRequest,
    pixels: NDArray[np.float32],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A model's file; of spectra as they are, and freed from their brightness."""
    classes = simulate(64, 72, BANDS, 3, seed=3)[1]
    classes = classes * (np.random.default_rng(0).random(classes.shape) < 0.2)
    folder = tmp_path_factory.mktemp("aligned") / "run"
    settings = {"window": 9, "components": 5, "epochs": 2, "quiet": True, "stress": False}
    settings |= {"light": request.param, "self_training": 0, "baselines": "none"}
    api.train(pixels.transpose(1, 2, 0), classes, out=folder, **settings)
    return folder / "model.safetensors"


def other_light(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return (pixels * OTHER_LIGHT[:, None, None] + 0.02 * WAVES[:, None, None]).astype(np.float32)


def test_a_scene_under_other_light_is_mapped_as_the_training_scene(
    trained: Path, pixels: NDArray[np.float32]
) -> None:
    model = load(trained)
    expected = model.map(pixels, bands_last=False, probabilities=True)
    changed = other_light(pixels)
    with pytest.warns(UserWarning, match="is unlike the pixels that the model was trained on"):
        unaligned = model.map(changed, bands_last=False, probabilities=True)
    assert np.abs(unaligned.probabilities - expected.probabilities).max() > 0.02
    changed[:, 30, 30] = 1e6  # a hot pixel, which tells nothing of the light
    found = model.map(changed, bands_last=False, align=True, probabilities=True)
    far = np.ones(found.classes.shape, bool)
    far[20:41, 20:41] = False  # what that pixel decides on, smoothing included
    assert (found.classes == expected.classes)[far].mean() > 0.999
    np.testing.assert_allclose(
        found.probabilities[:, far], expected.probabilities[:, far], atol=0.005
    )


def test_the_command_does_the_same_and_says_on_what_condition(
    trained: Path, pixels: NDArray[np.float32], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "other.npy", other_light(pixels).transpose(1, 2, 0))
    files = (trained, tmp_path / "other.npy", tmp_path / "map.tif")
    printed = spectile("map", *files, "--align")
    assert "about the same mix of classes" in printed
    assert "Aligned" not in spectile("map", *files, "--align", "--overwrite", "--quiet")
    labels = tmp_path / "labels.npy"
    np.save(labels, load(trained).map(pixels, bands_last=False))
    told = spectile("evaluate", trained, tmp_path / "other.npy", labels, "--align")
    (accuracy,) = (float(line.split()[2][:-1]) for line in told.splitlines() if "overall" in line)
    assert accuracy > 0.999


def knowing(model: Model) -> Model:
    statistics = band_statistics(scene_from_array(cube()), model.preprocessing.bands)
    return replace(model, scene_statistics=statistics)


def test_the_training_scene_needs_nothing() -> None:
    model = knowing(small_model())
    again = aligned(model, scene_from_array(cube()))
    assert isinstance(again, Model)
    before, after = model.preprocessing.reducer, again.preprocessing.reducer
    np.testing.assert_allclose(after.mean, before.mean, atol=1e-9)
    np.testing.assert_allclose(after.matrix, before.matrix)


def test_an_aligned_model_knows_the_scene_that_it_is_for() -> None:
    changed = scene_from_array(cube() * 3 + 1)
    once = aligned(knowing(small_model()), changed)
    twice = aligned(once, changed)
    np.testing.assert_allclose(
        twice.preprocessing.reducer.matrix, once.preprocessing.reducer.matrix
    )


def test_bands_without_spread_are_shifted() -> None:
    model = knowing(small_model())
    flat = cube()
    flat[0] = 5.0
    found = aligned(model, scene_from_array(flat)).preprocessing.reducer
    assert np.isfinite(found.mean).all()
    np.testing.assert_allclose(found.matrix[0], model.preprocessing.reducer.matrix[0])
    assert model.scene_statistics is not None
    shift = 5.0 - model.scene_statistics.means[0]
    np.testing.assert_allclose(found.mean[0], model.preprocessing.reducer.mean[0] + shift)


def test_bands_are_those_of_the_same_wavelength() -> None:
    model = knowing(small_model(wavelengths=True))
    waves = np.array([450.0, 500.0, 550.0, 600.0, 650.0, 700.0])
    turned = scene_from_array(cube()[::-1] * 2, wavelengths=waves[::-1])
    found = aligned(model, turned).preprocessing.reducer
    np.testing.assert_allclose(found.matrix * 2, model.preprocessing.reducer.matrix)


def test_what_cannot_be_aligned_is_told() -> None:
    with pytest.raises(InputError, match="doesn't know its training scene's light"):
        small_model().map(cube(), align=True)
    statistics = BandStatistics(np.zeros(4), np.ones(4))
    model = replace(small_model(), scene_statistics=statistics)
    with pytest.raises(InputError, match="holds no data that it could be aligned by"):
        model.map(np.full((6, 12, 12), np.nan), align=True)


def test_an_unfinished_map_goes_on_under_the_same_light_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectile.mapping.tiles.EDGES", (8,))
    model, scene, path = knowing(small_model()), scene_from_array(cube()), tmp_path / "map.tif"

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.map(scene, path, progress=interrupt)
    with pytest.raises(InputError, match="begun with another choice of align"):
        model.map(scene, path, align=True, resume=True)
    model.map(scene, path, resume=True)
