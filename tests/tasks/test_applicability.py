"""Which training pixels a model remembers, and which of a scene are like them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.small_model import cube, small_model

from spectile.data.readers.in_memory import scene_from_array
from spectile.model.applicability import Applicability
from spectile.tasks.scene import inside_outside
from spectile.tasks.scene.applicability import _from_elsewhere, spread_over_classes
from spectile.tasks.scene.inside_outside import INSIDE, OUTSIDE, sides_of_applicability


def test_small_classes_come_whole() -> None:
    classes = np.repeat([0, 1, 3], [1000, 7, 200])
    classes = np.random.default_rng(0).permutation(classes)
    kept = spread_over_classes(classes, 107, seed=0)
    assert (np.diff(kept) > 0).all()
    np.testing.assert_array_equal(np.bincount(classes[kept]), [50, 7, 0, 50])
    np.testing.assert_array_equal(spread_over_classes(classes, 5000, seed=0), np.arange(1207))


def test_neighbours_do_not_vouch_for_each_other() -> None:
    rows, columns = np.array([0, 1, 40, 40]), np.array([0, 1, 0, 90])
    values = np.array([0.0, 1, 5, 11])
    distances = np.abs(values[:, None] - values)
    found = _from_elsewhere(distances, rows, columns, square=32)
    np.testing.assert_array_equal(found, [5, 4, 4, 6])
    alone = _from_elsewhere(distances, rows, columns, square=100)  # one square: the others
    np.testing.assert_array_equal(alone, [1, 1, 4, 6])


def test_large_scenes_are_looked_at_on_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = small_model()
    pixels = cube(40, 60)
    pixels[:, :, 30:] += 10
    near = plain.preprocessing.reducer.apply(cube(40, 60)[list(plain.preprocessing.bands)])
    spectra = np.nan_to_num(near).reshape(3, -1).T
    known = Applicability(spectra, np.eye(3, dtype=np.float32), 2.0, 0.25, 0.0)
    model = replace(plain, applicability=known)
    scene = scene_from_array(pixels)
    codes = sides_of_applicability(model, scene)
    assert codes is not None
    assert (codes == 0).sum() == 2
    assert set(np.unique(codes[:, :30])) == {0, INSIDE}
    assert (codes[:, 30:] == OUTSIDE).all()
    monkeypatch.setattr(inside_outside, "SAMPLE", 40 * 60 // 4)
    np.testing.assert_array_equal(sides_of_applicability(model, scene), codes[::2, ::2])
    assert sides_of_applicability(plain, scene) is None
