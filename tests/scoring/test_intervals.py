"""Intervals: as wide as blocks differ, and silent where there are too few of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from spectile.scoring.intervals import (
    BlockCounts,
    block_counts,
    interval,
    score_intervals,
    summary_scores,
)
from spectile.scoring.metrics import SUMMARY, score


def drawn(
    rng: np.random.Generator, sizes: NDArray[np.int64], spread: float, accuracy: float = 0.7
) -> BlockCounts:
    """Blocks of two classes whose accuracy differs from block to block (beta distribution)."""
    blocks = np.repeat(np.arange(len(sizes)), sizes)
    parts = accuracy / spread, (1 - accuracy) / spread
    right = rng.random(len(blocks)) < rng.beta(*parts, len(sizes))[blocks]
    truth = rng.integers(2, size=len(blocks))
    return block_counts(truth, np.where(right, truth, 1 - truth), blocks, 2)


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, (4, 4), elements=st.integers(0, 50)).filter(lambda m: m.any()))
def test_scores_of_many_matrices_are_those_of_each(matrix: NDArray[np.int64]) -> None:
    one = score(matrix, list("abcd")).as_dict()
    many = summary_scores(np.stack([matrix, matrix]).astype(float))
    np.testing.assert_allclose(many, [[one[name] for name in SUMMARY]] * 2, atol=1e-12)


def test_blocks_add_up_to_the_confusion_matrix() -> None:
    truth, prediction = np.array([0, 0, 2, 1, 2], np.uint8), np.array([0, 1, 2, 1, 0], np.uint8)
    counts = block_counts(truth, prediction, np.array([7, 7, 7, 3, 3]), 3)
    assert counts.blocks == 2
    np.testing.assert_array_equal(counts.total, [[1, 1, 0], [0, 1, 0], [1, 0, 1]])
    assert counts.effective == pytest.approx(25 / 13)
    # Each draw has as many blocks as there are.
    sizes = np.concatenate([matrices.sum(axis=(1, 2)) for matrices in counts.resampled()])
    assert set(sizes) == {4, 5, 6}
    assert len(sizes) == 10_000


def test_the_truth_lies_inside_as_often_as_is_said() -> None:
    """Blocks of very unequal size, which plain percentiles are too sure of: 88 times in 100."""
    rng = np.random.default_rng(1)
    sizes = np.geomspace(2, 200, 16).astype(np.int64)
    inside = 0
    for _ in range(150):
        low, high = score_intervals(drawn(rng, sizes, 0.5), 9)["scores"]["overall_accuracy"]
        inside += low <= 0.7 <= high
    assert 0.9 <= inside / 150 <= 0.99


def test_pixels_that_agree_within_a_block_are_no_witnesses_of_their_own() -> None:
    rng = np.random.default_rng(0)
    blocks = drawn(rng, np.full(20, 400), 0.5)
    pixels = drawn(rng, np.full(8000, 1), 0.5)
    wide, narrow = (
        np.diff(interval(counts, summary_scores)[:, 0])[0] for counts in (blocks, pixels)
    )
    assert wide > 5 * narrow
    # Pixel by pixel it is the binomial distribution's.
    assert narrow == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 8000), rel=0.1)


def test_the_interval_is_the_same_each_time_and_holds_the_score() -> None:
    counts = drawn(np.random.default_rng(3), np.full(12, 50), 0.3)
    told = score_intervals(counts, 9)
    assert told == score_intervals(counts, 9)
    assert told["note"] is None
    assert (told["blocks"], told["effective_blocks"], told["block_edge"]) == (12, 12.0, 9)
    scores = score(counts.total, ["a", "b"]).as_dict()
    for name in SUMMARY:
        low, high = told["scores"][name]
        assert low < scores[name] < high


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([50] * 4, "lie in 4 test blocks of 9 x 9 pixels; 5 are the least"),
        ([50], "lie in 1 test block of 9 x 9 pixels; 5"),
        ([900, 900, *[2] * 10], "of such unequal size that they tell as 2.0; 5"),
    ],
)
def test_too_few_blocks_give_a_sentence_and_no_interval(sizes: list[int], words: str) -> None:
    told = score_intervals(drawn(np.random.default_rng(0), np.array(sizes), 0.5), 9)
    assert told["scores"] == {}
    assert words in told["note"]


@pytest.mark.parametrize(("prediction", "words"), [(1, "are right"), (0, "are wrong")])
def test_a_score_without_a_mistake_is_not_certain(prediction: int, words: str) -> None:
    blocks = np.repeat(np.arange(30), 5)
    truth = np.ones(150, int)
    told = score_intervals(block_counts(truth, truth * prediction, blocks, 2), 9)
    assert told["scores"] == {}
    assert f"No intervals: all test pixels {words}" in told["note"]
