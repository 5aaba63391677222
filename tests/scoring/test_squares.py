"""Which test pixels are one witness together."""

from __future__ import annotations

import numpy as np
import pytest

from spectile.data.datasets.simulated import simulate
from spectile.data.labels.labels import Labels
from spectile.data.labels.legend import Category, Legend
from spectile.data.splits.splits import TEST, split_blocks
from spectile.scoring.squares import Grid, field_width, grid_of_labels, grid_of_split


def places(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0:height, 0:width]
    return rows.ravel(), columns.ravel()


def test_squares_of_a_grid_are_counted_without_gaps() -> None:
    rows, columns = np.array([0, 2, 3, 40, 41]), np.array([0, 1, 1, 7, 7])
    np.testing.assert_array_equal(Grid(3).numbers(rows, columns), [0, 0, 1, 2, 2])
    np.testing.assert_array_equal(Grid(3, top=2).numbers(rows, columns), [0, 1, 1, 2, 3])


def test_the_blocks_of_a_split_are_those_it_was_made_of() -> None:
    classes = simulate(90, 90, 3, 3, seed=1)[1]
    legend = Legend(tuple(Category(k, f"crop {k}", (k, k, k)) for k in (1, 2, 3)))
    split = split_blocks(Labels(classes, legend), window=5, block=18, seed=2)
    grid = grid_of_split(split.summary())
    assert grid == Grid(18, *split.offset)
    numbers = grid.numbers(*np.nonzero(split.assignment == TEST))
    assert 5 <= len(np.unique(numbers)) <= 36
    assert grid_of_split({"kind": "random", "block": None, "offset": None}) is None
    assert grid_of_split({"kind": "none"}) is None


def test_squares_are_as_large_as_fields() -> None:
    fields = np.kron(np.arange(1, 37).reshape(6, 6), np.ones((12, 12), int))
    assert field_width(fields) == 12
    assert grid_of_labels(fields, *places(72, 72), window=5) == Grid(12)
    assert grid_of_labels(fields, *places(72, 72), window=13) == Grid(13)
    long = fields[:, :12]  # one column of six fields
    assert field_width(long) == 12
    assert field_width(np.zeros((4, 4), int)) == 1


def test_a_field_that_fills_the_scene_is_cut_all_the_same() -> None:
    classes = np.ones((100, 100), int)
    assert grid_of_labels(classes, *places(100, 100), window=25) == Grid(20)


def test_scattered_points_are_told_apart_by_their_windows() -> None:
    classes = np.zeros((300, 300), int)
    classes[::10, ::10] = 1
    assert grid_of_labels(classes, *np.nonzero(classes), window=9) == Grid(9)
    # Of a large scene a few thousand squares are enough.
    wide = np.array([0, 9999]), np.array([0, 9999])
    assert grid_of_labels(classes, *wide, window=1).edge == pytest.approx(10_000 / 1500**0.5, abs=1)
