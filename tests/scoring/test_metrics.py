"""Scores: the same figures as scikit-learn and torchmetrics, and sense where those give none."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics
from torchmetrics.functional.classification import multiclass_jaccard_index

from spectile.errors import InputError
from spectile.scoring.metrics import confusion, score, summarise

CLASSES = 5
NAMES = ("water", "forest", "meadow", "road", "roof")

pairs = st.integers(1, 60).flatmap(
    lambda pixels: st.tuples(
        arrays(np.uint8, pixels, elements=st.integers(0, CLASSES - 1)),
        arrays(np.uint8, pixels, elements=st.integers(0, CLASSES - 1)),
    )
)


def test_a_matrix_worked_out_by_hand() -> None:
    scores = score(np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]]), ["a", "b", "c"])
    assert scores.overall_accuracy == 17 / 20
    assert scores.average_accuracy == pytest.approx((0.8 + 0.9) / 2)
    assert scores.kappa == pytest.approx((0.85 - 0.5) / (1 - 0.5))
    assert scores.mean_iou == pytest.approx((8 / 11 + 9 / 12) / 2)
    assert scores.per_class["a"].precision == 8 / 9
    assert scores.per_class["a"].f1 == pytest.approx(16 / 19)
    assert scores.per_class["b"].support == 10


def test_a_class_without_test_pixels_is_named_and_left_out_of_the_averages() -> None:
    # Two pixels of "b" are mapped as the untested "c": errors of "b", nothing of "c".
    scores = score(np.array([[10, 0, 0], [0, 8, 2], [0, 0, 0]]), ["a", "b", "c"])
    assert scores.tested_classes == ("a", "b")
    assert scores.untested_classes == ("c",)
    assert scores.average_accuracy == pytest.approx(0.9)
    assert scores.mean_iou == pytest.approx(0.9)
    row = scores.as_dict()["per_class"]["c"]
    assert row == {"precision": None, "recall": None, "f1": None, "iou": None, "support": 0}


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_scikit_learn_finds_the_same(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    truth, prediction = pair
    scores = score(confusion(truth, prediction, CLASSES), NAMES)
    tested = np.unique(truth)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        truth, prediction, labels=tested, zero_division=0
    )
    mine = [scores.per_class[NAMES[index]] for index in tested]
    assert [row.precision for row in mine] == pytest.approx(precision)
    assert [row.recall for row in mine] == pytest.approx(recall)
    assert [row.f1 for row in mine] == pytest.approx(f1)
    assert [row.support for row in mine] == list(support)
    assert scores.overall_accuracy == pytest.approx(
        sklearn_metrics.accuracy_score(truth, prediction)
    )
    assert scores.average_accuracy == pytest.approx(np.mean(recall))
    if len(np.union1d(truth, prediction)) > 1:  # else scikit-learn answers NaN
        assert scores.kappa == pytest.approx(
            sklearn_metrics.cohen_kappa_score(truth, prediction), abs=1e-12
        )


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_torchmetrics_finds_the_same_iou(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    truth, prediction = pair
    scores = score(confusion(truth, prediction, CLASSES), NAMES)
    theirs = multiclass_jaccard_index(
        torch.from_numpy(prediction).long(),
        torch.from_numpy(truth).long(),
        CLASSES,
        average=None,
    ).numpy()
    tested = np.unique(truth)
    assert [scores.per_class[NAMES[index]].iou for index in tested] == pytest.approx(
        theirs[tested], abs=1e-6
    )
    assert scores.mean_iou == pytest.approx(theirs[tested].mean(), abs=1e-6)


@settings(max_examples=60)
@given(
    arrays(
        np.int64,
        array_shapes(min_dims=1, max_dims=1, max_side=6).map(lambda shape: shape * 2),
        elements=st.integers(0, 10**9),
    ).filter(lambda matrix: matrix.any())
)
def test_scores_of_any_matrix_are_json_without_nan(matrix: NDArray[np.int64]) -> None:
    scores = score(matrix, [str(index) for index in range(len(matrix))]).as_dict()
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    for name in ("overall_accuracy", "average_accuracy", "mean_iou"):
        assert 0 <= scores[name] <= 1
    assert -1 <= scores["kappa"] <= 1


def test_kappa_shows_nothing_where_all_is_one_class() -> None:
    assert score(np.array([[7, 0], [0, 0]]), ["a", "b"]).kappa == 0
    # A scene of 10^8 pixels and one error: as near to 0 / 0 as it gets, and still a number.
    assert score(np.array([[10**8, 1], [0, 0]]), ["a", "b"]).kappa == 0
    assert score(np.array([[10**8, 0], [0, 1]]), ["a", "b"]).kappa == 1


def test_indices_of_a_small_type_do_not_wrap_around() -> None:
    matrix = confusion(np.array([19], np.uint8), np.array([18], np.uint8), 20)
    assert matrix[19, 18] == matrix.sum() == 1


@pytest.mark.parametrize("outside", [-1, 2])
def test_an_index_outside_the_classes_is_refused(outside: int) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        confusion(np.array([0, 1]), np.array([0, outside]), 2)


def test_nothing_to_score_and_names_given_twice_are_said_in_a_sentence() -> None:
    with pytest.raises(InputError, match="no pixel is left to test on"):
        score(np.zeros((2, 2), int), ["a", "b"])
    with pytest.raises(InputError, match='two classes are called "a"'):
        score(np.eye(2, dtype=int), ["a", "a"])


def test_the_summary_of_repeats_is_that_of_a_sample() -> None:
    runs = [
        {"overall_accuracy": oa, "average_accuracy": 0.5, "kappa": 0.4, "mean_iou": 0.3}
        for oa in (0.7, 0.8, 0.9)
    ]
    mean, std = summarise(runs)
    assert mean["overall_accuracy"] == pytest.approx(0.8)
    assert std["overall_accuracy"] == pytest.approx(0.1)  # 0.0816 with n in the denominator
    assert std["kappa"] == 0
    mean, std = summarise(runs[:1])
    assert mean["overall_accuracy"] == 0.7
    assert set(std.values()) == {None}
