"""The same labels give the same split, however a legend numbers and names their classes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.data.splits.test_split_blocks import countryside, fields

from spectile.data.images import tiles_of
from spectile.data.labels.labels import Labels, labels_from_array
from spectile.data.labels.legend import make_legend
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.splits import block_split
from spectile.data.splits.block_goal import separable
from spectile.data.splits.class_order import in_order_of_place
from spectile.data.splits.overlap import of_tested_classes
from spectile.data.splits.splits import Split, split_blocks, split_from_masks, split_random


def renumbered(labels: Labels, seed: int, more: int) -> Labels:
    """The classes under other numbers, in a legend with `more` classes that no pixel has."""
    rng = np.random.default_rng(seed)
    values = rng.choice(np.arange(1, 200), len(labels.legend) + more, replace=False)
    numbers = np.concatenate([[0], values[: len(labels.legend)]])
    legend = make_legend(values.tolist())
    places = {value: place for place, value in enumerate(legend.values, start=1)}
    table = np.array([0, *(places[value] for value in numbers[1:].tolist())], np.int32)
    return Labels(table[labels.classes], legend)


def splits(labels: Labels) -> list[Split]:
    half = np.zeros(labels.classes.shape, np.bool_)
    half[: len(half) // 2] = True
    return [
        split_blocks(labels, window=5, seed=1),
        split_random(labels, window=5, train=0.13, seed=1),
        split_from_masks(labels, half, ~half, window=5, seed=1),
    ]


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(block_split, "LEAST_EFFORT", 1e5)
    monkeypatch.setattr(block_split, "MOST_EFFORT", 5e5)


@pytest.mark.parametrize(("seed", "more"), [(0, 0), (1, 3), (2, 1)])
def test_numbers_and_names_change_nothing(hurried, seed, more):
    labels = countryside(seed=seed)
    again = renumbered(labels, seed, more)
    for before, after in zip(splits(labels), splits(again), strict=True):
        np.testing.assert_array_equal(before.assignment, after.assignment)


@pytest.mark.parametrize("seed", range(3))
def test_tiles_neither(seed):
    labels = countryside(seed=seed)
    scene = scene_from_array(np.zeros((1, *labels.classes.shape), np.float32))
    first = tiles_of(scene, labels, edge=12, seed=seed)
    second = tiles_of(scene, renumbered(labels, seed, 2), edge=12, seed=seed)
    np.testing.assert_array_equal(first.sides, second.sides)


def test_classes_are_ordered_by_their_first_pixel():
    labels = labels_from_array(np.array([[0, 7, 3], [9, 3, 7]]))
    ordered = in_order_of_place(labels)
    assert ordered.numbers.tolist() == [2, 1, 3]  # in the legend of 3, 7 and 9
    assert ordered.classes.tolist() == [[0, 1, 2], [3, 2, 1]]
    assert ordered.counts.tolist() == [2, 2, 1]


def test_a_class_that_a_guard_would_all_but_erase_is_trained_on_as_a_whole(hurried):
    """A field of 11 x 7 pixels under a guard of 8: two or three would be left on each side."""
    large = [
        (k, row, column, 30, 30)
        for k, (row, column) in enumerate([(0, 0), (0, 60), (60, 0), (60, 60)] * 2, start=1)
    ]
    labels = fields((100, 100), *[(1 + k % 2, *rest) for k, *rest in large], (3, 42, 44, 11, 7))
    assert separable(labels.classes, 3, 8).tolist() == [True, True, False]
    assert separable(labels.classes, 3, 4).tolist() == [True, True, True]
    split = split_blocks(labels, window=9, seed=0)
    assert split.counts[2, 3] == 0
    assert split.counts[2, 1] + split.counts[2, 2] == 77
    assert "1 of 3 classes have no test pixel (class 3)" in split.verdict
    assert "this score measures generalisation of the classes tested alone" in split.verdict


def test_two_pixels_far_apart_are_parted():
    classes = np.zeros((30, 30), np.int32)
    classes[0, 0] = classes[29, 29] = 1
    assert separable(classes, 1, 8).tolist() == [True]
    assert separable(classes, 1, 28).tolist() == [True]
    assert separable(classes, 1, 29).tolist() == [False]


def test_a_verdict_counts_what_a_score_cant_speak_for():
    plain = "No window overlaps: this score measures generalisation."
    assert of_tested_classes(plain, 4, [], []) == plain
    assert of_tested_classes(plain, 4, ["a", "b"], ["c"]) == (
        "No window overlaps: this score measures generalisation of the classes tested alone. "
        "2 of 4 classes have no test pixel (a, b); 1 is tested without having been trained on (c)."
    )
    assert of_tested_classes(plain, 9, [], ["c", "d"]).endswith(
        "generalisation. 2 of 9 classes are tested without having been trained on (c, d)."
    )
    memory = "100% overlap: this score measures memory, not generalisation."
    assert of_tested_classes(memory, 7, list("abcdef"), []) == (
        f"{memory} 6 of 7 classes have no test pixel (a, b, c, d, e ...)."
    )


def test_tiles_bring_many_rare_classes_to_both_sides():
    """Two tiles each of 12 classes and a common one: a good draw is found by exchanges."""
    rng = np.random.default_rng(0)
    classes = np.ones((96, 96), int)
    places = rng.permutation(144)[:24]
    for number, place in enumerate(places.tolist()):
        row, column = divmod(place, 12)
        classes[8 * row : 8 * row + 3, 8 * column : 8 * column + 3] = 2 + number // 2
    scene = scene_from_array(np.zeros((1, 96, 96), np.float32))
    pairs = tiles_of(scene, labels_from_array(classes), edge=8, seed=0)
    for side in (1, 3):
        held = {int(k) for i in pairs.select(side) for k in np.unique(pairs.masks.read(int(i)))}
        assert held >= set(range(1, 14))
