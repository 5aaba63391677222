"""Scores of instances: against counts by hand, and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spectile.data.instances.objects import Objects
from spectile.errors import InputError
from spectile.scoring.instances import Found, best_threshold, match, overlaps, score_instances

Square = tuple[int, int, int]


def objects(squares: list[Square], classes: list[int] | None = None, ignored: int = -1) -> Objects:
    """Squares of an edge at a column and a row, in an image of 40 x 50 pixels."""
    boxes = [(x, y, min(50, x + edge), min(40, y + edge)) for x, y, edge in squares]
    return Objects(
        40,
        50,
        np.array(classes or [0] * len(squares), np.int64),
        np.array(boxes, np.int64).reshape(-1, 4),
        [np.ones((bottom - top, right - left), np.bool_) for left, top, right, bottom in boxes],
        np.arange(len(squares)) == ignored,
    )


def found(squares: list[Square], scores: list[float], classes: list[int] | None = None) -> Found:
    return objects(squares, classes), np.array(scores)


def test_what_is_found_missed_invented_and_found_twice() -> None:
    truth = objects([(0, 0, 10), (20, 0, 10), (0, 20, 10), (20, 20, 12)], ignored=3)
    said = found(
        [(1, 0, 10), (0, 0, 10), (30, 30, 8), (21, 21, 8), (20, 0, 9), (0, 20, 10)],
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.1],
    )
    matches = match(truth, said, 0.3)
    assert matches.verdicts == ["found", "found twice", "invented", "", "found"]
    assert matches.missed == [2]
    assert (matches.truths, matches.counted, matches.mistakes) == (3, 4, 3)
    assert matches.areas == (100 + 81, 200)
    scores = score_instances([truth], [said], ["cell"], sure=0.3)
    counts = scores.counts
    assert (counts["truth"], counts["found"], counts["mean_bias"]) == (3, 4, 1.0)
    assert counts["area_bias"] == pytest.approx(181 / 200 - 1)


def test_a_perfect_network_has_an_average_precision_of_one() -> None:
    truth = [objects([(0, 0, 10), (20, 5, 35)], [0, 1]), objects([])]
    said = [(one, np.linspace(1, 0.5, len(one))) for one in truth]
    scores = score_instances(truth, said, ["a", "b", "never there"], sure=0.5)
    assert [scores.mask_ap, scores.mask_ap50, scores.box_ap] == pytest.approx([1, 1, 1])
    assert scores.by_size == {
        "small": pytest.approx(1),
        "medium": pytest.approx(1),
        "large": None,
    }
    as_dict = scores.as_dict()
    assert as_dict["tested_classes"] == ["a", "b"]
    assert as_dict["per_class"]["never there"] == {
        "mask_ap": None,
        "mask_ap50": None,
        "box_ap": None,
        "support": 0,
    }


def test_precision_at_a_half_is_what_the_formula_says() -> None:
    """Right, wrong, right of three: precision 1 up to a third, then two thirds up to two."""
    truth = objects([(0, 0, 10), (20, 0, 10), (0, 20, 10)])
    said = found([(0, 0, 10), (40, 30, 9), (20, 0, 10)], [0.9, 0.8, 0.7])
    recalls = np.linspace(0, 1, 101)
    expected = np.where(recalls <= 1 / 3, 1, np.where(recalls <= 2 / 3, 2 / 3, 0)).mean()
    scores = score_instances([truth], [said], ["cell"], sure=0.5)
    assert scores.mask_ap50 == pytest.approx(expected)


def test_more_than_a_hundred_objects_count() -> None:
    truth = objects([(x, y, 2) for x in range(0, 48, 3) for y in range(0, 38, 3)])
    assert len(truth) > 200
    said = truth, np.linspace(1, 0.2, len(truth))
    assert score_instances([truth], [said], ["cell"], sure=0.0).mask_ap == pytest.approx(1)


def test_nothing_found_is_a_score_and_nothing_there_none() -> None:
    nothing = objects([]), np.zeros(0)
    scores = score_instances([objects([(0, 0, 9)])], [nothing], ["cell"], sure=0.5)
    assert scores.mask_ap == 0
    assert scores.counts["missed"] == 1
    with pytest.raises(InputError, match="no object is left to test on"):
        score_instances([objects([(0, 0, 9)], ignored=0)], [nothing], ["cell"], sure=0.5)


def test_the_threshold_is_that_of_the_best_counts() -> None:
    truth = objects([(0, 0, 10), (20, 0, 10)])
    said = found(
        [(0, 0, 10), (20, 0, 10), (30, 30, 9), (40, 30, 9)],
        [0.9, 0.6, 0.5, 0.4],
    )
    assert best_threshold([truth], [said]) == 0.6
    assert best_threshold([truth], [(objects([]), np.zeros(0))]) == 0.5


@settings(max_examples=40, deadline=None)
@given(
    squares=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(1, 15)),
        min_size=2,
        max_size=8,
    ),
    ignored=st.integers(-1, 3),
)
def test_overlaps_are_those_of_whole_masks(squares: list[Square], ignored: int) -> None:
    half = len(squares) // 2
    one, other = objects(squares[:half]), objects(squares[half:], ignored=ignored)
    shared = overlaps(one, other)
    for row, mine in enumerate(drawn(one)):
        for column, theirs in enumerate(drawn(other)):
            both = (mine & theirs).sum()
            whole = mine.sum() if other.ignored[column] else (mine | theirs).sum()
            assert shared[row, column] == pytest.approx(both / whole)


def drawn(squares: Objects) -> list[NDArray[np.bool_]]:
    masks = []
    for (left, top, right, bottom), mask in zip(squares.boxes, squares.masks, strict=True):
        whole = np.zeros((40, 50), np.bool_)
        whole[top:bottom, left:right] = mask
        masks.append(whole)
    return masks
