"""Made-up scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from spectile.data.datasets.simulated import simulate, simulate_file
from spectile.data.readers.open import open_scene


def test_shapes_and_every_class() -> None:
    cube, labels = simulate(40, 50, 12, 6, seed=0)
    assert cube.shape == (12, 40, 50)
    assert cube.dtype == np.float32
    assert labels.dtype == np.int32
    assert set(np.unique(labels)) == {1, 2, 3, 4, 5, 6}


def test_the_seed_decides() -> None:
    cube, labels = simulate(20, 20, 5, 3, seed=1)
    again, same_labels = simulate(20, 20, 5, 3, seed=1)
    other, _ = simulate(20, 20, 5, 3, seed=2)
    np.testing.assert_array_equal(cube, again)
    np.testing.assert_array_equal(labels, same_labels)
    assert not np.array_equal(cube, other)


def test_classes_can_be_learned_but_not_by_heart() -> None:
    cube, labels = simulate(96, 96, 30, 5, seed=3, noise=0.05)
    spectra, classes = cube.reshape(30, -1).T, labels.ravel()
    top, bottom = slice(0, 48 * 96), slice(48 * 96, None)
    score = LinearDiscriminantAnalysis().fit(spectra[top], classes[top])
    assert 0.6 < score.score(spectra[bottom], classes[bottom]) < 0.9999


def test_noise_is_correlated_in_space() -> None:
    noisy, _ = simulate(64, 64, 4, 2, seed=0, noise=0.1)
    clean, _ = simulate(64, 64, 4, 2, seed=0, noise=0)
    noise = (noisy - clean)[0]
    near = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
    far = np.corrcoef(noise[:, 20:].ravel(), noise[:, :-20].ravel())[0, 1]
    assert near > 0.15
    assert abs(far) < 0.1


@pytest.mark.parametrize("name", ["scene", "scene.tif"])
def test_a_file_holds_the_same_scene_whatever_the_strips(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectile.data.datasets.simulated._BYTES_AT_ONCE", 7 * 4 * 20 * 9)
    labels = simulate_file(tmp_path / name, 23, 20, 9, 4, seed=5)
    cube, same_labels = simulate(23, 20, 9, 4, seed=5)
    scene = open_scene(tmp_path / name)
    assert scene.dtype == np.int16
    np.testing.assert_array_equal(scene.read(), (cube * 10_000).round())
    np.testing.assert_array_equal(labels, same_labels)
    np.testing.assert_allclose(scene.wavelengths, np.linspace(400, 2500, 9))
    assert scene.crs is not None
