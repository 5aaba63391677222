from __future__ import annotations

import numpy as np
import pytest

from spectile.data.labels.labels import Labels, labels_from_array
from spectile.data.splits.splits import (
    TEST,
    TRAIN,
    VALIDATION,
    split_from_codes,
    split_from_masks,
    split_random,
)
from spectile.errors import InputError


@pytest.fixture
def labels() -> Labels:
    classes = np.zeros((30, 60), np.int32)
    classes[2:28, 2:58] = 1
    classes[2:28, 30:58] = 2
    classes[15, 2:58] = 3
    return labels_from_array(classes)


def test_the_raster_that_a_run_wrote_gives_its_split_again(labels):
    drawn = split_random(labels, window=5, train=0.3)
    split = split_from_codes(labels, drawn.assignment, window=5)
    assert (split.assignment == drawn.assignment).all()
    assert split.overlap == drawn.overlap
    assert (split.counts == drawn.counts).all()
    assert (split.kind, split.seed, split.guard, split.block) == ("file", None, None, None)


def test_two_masks_give_the_test_side_untouched_and_a_validation_part(labels):
    train, test = np.zeros((2, 30, 60), bool)
    train[:12], test[20:] = True, True
    split = split_from_masks(labels, train, test, window=9, validation=0.25, seed=4)
    labelled = labels.classes > 0
    assert ((split.assignment == TEST) == (test & labelled)).all()
    trained = (split.assignment == TRAIN) | (split.assignment == VALIDATION)
    assert (trained == (train & labelled)).all()
    assert split.counts[:2, VALIDATION].tolist() == [70, 70]
    assert split.seed == 4
    assert split.overlap.window_overlap == 0
    assert any(note.startswith("31% of the labelled pixels are on neither") for note in split.notes)


def test_masks_of_numbers_are_masks_too(labels):
    train, test = np.zeros((2, 30, 60), np.uint8)
    # As whole numbers these share no bit, and yet pixels.
    train[:20], test[10:] = 1, 2
    with pytest.raises(InputError, match="600 pixels are in the training and in the test"):
        split_from_masks(labels, train, test, window=9)


def test_codes_without_validation_get_some_drawn(labels):
    codes = np.where(np.arange(60) < 40, TRAIN, TEST) * np.ones((30, 1), int)
    split = split_from_codes(labels, codes, window=9, validation=0.1, seed=1)
    assert split.counts[:, VALIDATION].sum() == round(0.1 * 38 * 26)
    assert split.seed == 1
    none = split_from_codes(labels, codes, window=9, validation=0)
    assert none.counts[:, VALIDATION].sum() == 0


def test_validation_pixels_count_as_training_in_the_overlap(labels):
    codes = np.zeros((30, 60), np.uint8)
    codes[:, :5], codes[:, 40:45], codes[:, 45:50] = TRAIN, VALIDATION, TEST
    split = split_from_codes(labels, codes, window=11)
    assert split.overlap.overlap == 1


def test_classes_on_one_side_only_are_named(labels):
    codes = np.zeros((30, 60), np.uint8)
    codes[2:12, 2:20], codes[15, 40:] = TRAIN, TEST
    split = split_from_codes(labels, codes, window=3)
    one, two, three = split.names
    assert split.tested == (three,)
    assert split.untested == (one, two)
    assert f"Not tested, because the split has no test pixel of it: {one}, {two}." in split.notes
    assert f"Tested without having been trained on: {three}." in split.notes


def test_pixels_without_a_label_are_left_out_and_counted(labels):
    codes = np.full((30, 60), TEST)
    codes[:, :20] = TRAIN
    split = split_from_codes(labels, codes, window=3)
    assert (split.assignment[labels.classes == 0] == 0).all()
    assert f"{30 * 60 - 26 * 56} pixels of the split have no label and are left out." in split.notes


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.full((30, 60), 7), "holds the number 7: write 0 for none, 1 for train"),
        (np.full((30, 60), np.nan), "holds the number nan"),
        (np.ones((60, 30), np.uint8), "of size 60 x 30 and the labels are of size 30 x 60"),
        (np.ones((1, 30, 60), np.uint8), "of size 1 x 30 x 60"),
        (np.zeros((30, 60)), "no labelled pixel to train on"),
        (np.full((30, 60), VALIDATION), "no labelled pixel to train on"),
        (np.full((30, 60), TRAIN), "no labelled pixel to test on: check that split and labels"),
    ],
)
def test_rasters_that_are_no_split(labels, codes, message):
    with pytest.raises(InputError, match=message):
        split_from_codes(labels, codes, window=5)


def test_masks_of_another_size(labels):
    mask = np.zeros((30, 60), bool)
    with pytest.raises(InputError, match="the test mask is of size 3 x 3"):
        split_from_masks(labels, mask, np.zeros((3, 3), bool), window=5)
    with pytest.raises(InputError, match="choose an odd number"):
        split_from_masks(labels, mask, mask, window=2)
