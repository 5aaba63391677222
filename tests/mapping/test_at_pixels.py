"""What a model says of some pixels is what its map says of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.small_model import cube, small_model
from tests.mapping.small_segmenter import segment_model

from spectile.data.readers.in_memory import scene_from_array
from spectile.mapping.at_pixels import EDGE, probabilities_at, sample_in_squares
from spectile.mapping.scene_map import map_parts
from spectile.model.temperature import with_temperature


@pytest.mark.parametrize("size", [(14, 17), (EDGE + 9, 2 * EDGE + 30)])
def test_probabilities_are_those_of_the_map(size: tuple[int, int]) -> None:
    model, scene = small_model(), scene_from_array(cube(*size))
    whole = np.full((2, *size), np.nan, np.float32)
    for part in map_parts(model, scene):
        known = part.classes > 0
        whole[:, *part.window.toslices()][:, known] = part.probabilities[:, known]
    drawn = np.random.default_rng(0).permutation(size[0] * size[1])[:90]
    rows, columns = np.unravel_index(drawn, size)
    found = probabilities_at(model, scene, rows, columns)
    np.testing.assert_allclose(found, whole[:, rows, columns].T, atol=1e-5)


@pytest.mark.parametrize("smooth", [0, 2])
def test_a_temperature_comes_last_and_changes_no_class(smooth: int) -> None:
    model, scene = small_model(smooth=smooth), scene_from_array(cube(40, 50))
    (plain,) = map_parts(model, scene)
    (soft,) = map_parts(replace(model, temperature=3.0), scene)
    np.testing.assert_array_equal(soft.classes, plain.classes)
    known = plain.classes > 0
    expected = with_temperature(plain.probabilities, 3.0)
    np.testing.assert_allclose(soft.probabilities[:, known], expected[:, known], atol=1e-6)
    assert soft.probabilities.max(0)[known].mean() < plain.probabilities.max(0)[known].mean()


def test_segmentation_networks_are_asked_as_well() -> None:
    model, scene = segment_model(), scene_from_array(cube(40, 50)[:3])
    rows, columns = np.arange(40), np.arange(5, 45)
    found = probabilities_at(model, scene, rows, columns)
    np.testing.assert_allclose(found[~np.isnan(found[:, 0])].sum(1), 1, atol=1e-5)


def test_squares_are_drawn_whole_until_there_are_enough() -> None:
    rows, columns = (axis.ravel() for axis in np.mgrid[0 : 3 * EDGE, 0 : 2 * EDGE])
    chosen = sample_in_squares(rows, columns, EDGE**2 + 1, seed=3)
    assert len(np.unique(chosen)) == len(chosen) == 2 * EDGE**2
    squares = set(zip(rows[chosen] // EDGE, columns[chosen] // EDGE, strict=True))
    assert len(squares) == 2
    np.testing.assert_array_equal(sample_in_squares(rows[:5], columns[:5], 5, seed=3), np.arange(5))


def test_small_squares_bring_a_sample_nearer_to_the_whole() -> None:
    rows, columns = (axis.ravel() for axis in np.mgrid[0 : 3 * EDGE, 0 : 3 * EDGE])
    chosen = sample_in_squares(rows, columns, 2000, seed=3, edge=8)
    assert 2000 <= len(chosen) < 2064
    squares = set(zip(rows[chosen] // EDGE, columns[chosen] // EDGE, strict=True))
    assert len(squares) >= 8
    # Lone pixels cost a square each.
    chosen = sample_in_squares(rows[::97], columns[::97], 2000, seed=3, edge=8, squares=50)
    squares = set(zip(rows[::97][chosen] // 8, columns[::97][chosen] // 8, strict=True))
    assert len(squares) == 50
