"""Splitters for scikit-learn: the splits of the package, as indices of labelled pixels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

from spectile.data.datasets.simulated import simulate
from spectile.data.labels.labels import labels_from_array
from spectile.data.splits.cross_validation import BlockSplits, RandomSplits, labelled_pixels
from spectile.data.splits.splits import TEST, split_blocks, split_random
from spectile.errors import InputError

VALUES = np.array([0, 3, 8, 11])
CLASSES = VALUES[simulate(60, 50, 3, 3, seed=1)[1]]


def test_labelled_pixels_are_places_and_values() -> None:
    places, values = labelled_pixels(CLASSES)
    assert len(places) == np.count_nonzero(CLASSES)
    assert np.array_equal(CLASSES[tuple(places.T)], values)


def test_blocks_are_those_of_split_blocks_and_keep_windows_apart() -> None:
    places, values = labelled_pixels(CLASSES)
    splitter = BlockSplits(window=5, repeats=2, seed=4)
    found = list(splitter.split(places, values))
    assert len(found) == splitter.get_n_splits() == 2
    for number, (train, test) in enumerate(found):
        expected = split_blocks(
            labels_from_array(CLASSES), window=5, validation=0.0, seed=4 + number
        )
        assert np.array_equal(expected.assignment[tuple(places[test].T)], np.full(len(test), TEST))
        apart = np.abs(places[train][:, None] - places[test][None]).max(axis=2)
        assert apart.min() > 4
    assert not np.array_equal(found[0][1], found[1][1])


def test_random_splits_are_those_of_split_random() -> None:
    places, values = labelled_pixels(CLASSES)
    ((train, test),) = RandomSplits(window=5, repeats=1).split(places, values)
    expected = split_random(labels_from_array(CLASSES), window=5, validation=0.0)
    assert len(train) + len(test) == len(places)
    assert np.array_equal(expected.assignment[tuple(places[test].T)], np.full(len(test), TEST))


def test_scikit_learn_takes_them() -> None:
    places, values = labelled_pixels(CLASSES)
    scores = cross_val_score(DummyClassifier(), places, values, cv=BlockSplits(window=5, repeats=3))
    assert len(scores) == 3


def test_spectra_are_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="labelled_pixels"):
        next(BlockSplits(window=5).split(np.ones((4, 7)), np.ones(4)))
