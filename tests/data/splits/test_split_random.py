from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from spectile.data.labels.labels import Labels, labels_from_array
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION, split_random
from spectile.errors import InputError

INDIAN_PINES = (46, 1428, 830, 237, 483, 730, 28, 478, 20, 972, 2455, 593, 205, 1265, 386, 93)


def scattered(pixels: tuple[int, ...], seed: int = 0) -> Labels:
    """So many pixels of each class, shuffled over a scene with some ground left unlabelled."""
    edge = int(np.ceil(np.sqrt(sum(pixels) * 1.3))) + 3
    classes = np.zeros(edge * edge, np.int32)
    classes[: sum(pixels)] = np.repeat(np.arange(1, len(pixels) + 1), pixels)
    np.random.default_rng(seed).shuffle(classes)
    return labels_from_array(classes.reshape(edge, edge))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_numbers_of_pixels_are_those_of_scikit_learn(share):
    labels = scattered(INDIAN_PINES)
    split = split_random(labels, window=5, train=share)
    classes = np.repeat(np.arange(16), INDIAN_PINES)
    train, test = train_test_split(classes, train_size=share, stratify=classes)
    assert split.counts[:, [TRAIN, VALIDATION]].sum(axis=1).tolist() == np.bincount(train).tolist()
    assert split.counts[:, TEST].tolist() == np.bincount(test).tolist()


@settings(max_examples=60, deadline=None)
@given(
    pixels=st.lists(st.integers(1, 40), min_size=2, max_size=6).filter(lambda n: max(n) > 1),
    train=st.floats(0.01, 0.99),
    validation=st.floats(0, 0.99),
    seed=st.integers(0, 5),
)
def test_every_class_is_trained_on_and_tested_if_it_has_two_pixels(pixels, train, validation, seed):
    labels = scattered(tuple(pixels))
    split = split_random(labels, window=3, train=train, validation=validation, seed=seed)
    totals = np.array(pixels)
    assert (split.assignment > 0).tolist() == (labels.classes > 0).tolist()
    assert (split.counts[:, TRAIN] >= 1).all()
    assert (split.counts[:, TEST] >= (totals > 1)).all()
    assert (split.counts.sum(axis=1) == totals).all()
    for code in (TRAIN, VALIDATION, TEST):
        found = np.bincount(labels.classes[split.assignment == code], minlength=len(pixels) + 1)
        assert found[1:].tolist() == split.counts[:, code].tolist()


def test_validation_is_its_share_of_the_training_side_of_each_class():
    split = split_random(scattered((200, 400)), window=3, train=0.5, validation=0.1)
    assert split.counts[:, TRAIN].tolist() == [90, 180]
    assert split.counts[:, VALIDATION].tolist() == [10, 20]
    without = split_random(scattered((200, 400)), window=3, train=0.5, validation=0)
    assert without.counts[:, VALIDATION].tolist() == [0, 0]


def test_few_training_pixels_still_give_one_to_choose_the_checkpoint_by():
    split = split_random(scattered((30, 40)), window=3, train=0.1, validation=0.05)
    assert split.counts[:, VALIDATION].tolist() == [0, 1]


def test_a_seed_gives_its_split_again_and_another_seed_another():
    labels = scattered((100, 100))
    first, again, other = (split_random(labels, window=3, seed=seed) for seed in (7, 7, 8))
    assert (first.assignment == again.assignment).all()
    assert (first.assignment != other.assignment).any()


def test_a_class_of_one_pixel_is_trained_on_and_named():
    split = split_random(scattered((50, 1)), window=3)
    assert split.counts[1].tolist() == [0, 1, 0, 0]
    assert split.untested == (split.names[1],)
    assert any("single labelled pixel" in note and split.names[1] in note for note in split.notes)


def test_dense_random_pixels_measure_memory_and_the_summary_says_so():
    split = split_random(scattered((500, 500)), window=9)
    summary = split.summary()
    assert summary["overlap"] > 0.9
    assert summary["window_overlap"] >= summary["overlap"]
    assert "memory, not generalisation" in summary["verdict"]
    assert summary["train_pixels"] + summary["validation_pixels"] == 100
    assert summary["test_pixels"] == 900
    assert json.loads(json.dumps(summary)) == summary
    assert (summary["kind"], summary["seed"], summary["guard"]) == ("random", 0, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 4}, "window of 4 pixels .* choose an odd number"),
        ({"window": 0}, "window of 0 pixels .* choose an odd number"),
        ({"window": 101}, "window of 101 pixels is larger than the scene of"),
        ({"window": 3, "train": 0.0}, "training share of 0 .* between 0 and 1"),
        ({"window": 3, "train": 1.0}, "training share of 1 .* between 0 and 1"),
        ({"window": 3, "train": float("nan")}, "training share is nan"),
        ({"window": 3, "validation": 1.0}, "validation share of 1 .* below 1"),
        ({"window": 3, "validation": -0.1}, "validation share of -0.1"),
    ],
)
def test_settings_that_make_no_sense(options, message):
    with pytest.raises(InputError, match=message):
        split_random(scattered((50, 50)), **options)


def test_labels_that_cannot_be_split():
    legend = scattered((5, 5)).legend
    nothing = Labels(np.zeros((9, 9), np.int32), legend)
    with pytest.raises(InputError, match="no pixel is labelled: label pixels"):
        split_random(nothing, window=3)
    with pytest.raises(InputError, match="all labelled pixels are of one class: label pixels"):
        split_random(Labels(np.ones((9, 9), np.int32), legend), window=3)
    with pytest.raises(InputError, match="single labelled pixel"):
        split_random(scattered((1, 1)), window=3)
