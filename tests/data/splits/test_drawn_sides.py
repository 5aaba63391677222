"""Sides are disjoint and complete, alike in every class, and keep copies together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spectile.data.splits.drawn_sides import cut_sides, draw_sides
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION

shares = st.floats(0.05, 0.95)


@settings(deadline=None)
@given(
    st.lists(st.integers(2, 60), min_size=2, max_size=5), shares, st.floats(0, 0.9), st.integers()
)
def test_each_class_is_drawn_alike(
    counts: list[int], train: float, validation: float, seed: int
) -> None:
    classes = np.repeat(np.arange(len(counts)), counts)
    sides = draw_sides(
        classes,
        np.full(len(classes), TRAIN, np.uint8),
        range(len(classes)),
        train=train,
        validation=validation,
        seed=abs(seed),
    )
    assert set(sides.tolist()) <= {TRAIN, VALIDATION, TEST}
    for label, count in enumerate(counts):
        of = sides[classes == label]
        assert (of == TRAIN).any()
        assert (of == TEST).any()
        assert abs((of != TEST).sum() - train * count) < 2
        held = (of == VALIDATION).sum()
        assert abs(held - validation * (of != TEST).sum()) <= 1


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=8, max_size=60),
    shares,
    st.integers(0, 99),
)
def test_copies_stay_together(images: list[tuple[int, int]], train: float, seed: int) -> None:
    """Also where the same image is in several classes."""
    classes = np.array([label for label, _ in images])
    keys = [key for _, key in images]
    sides = draw_sides(
        classes,
        np.full(len(images), TRAIN, np.uint8),
        keys,
        train=train,
        validation=0.2,
        seed=seed,
    )
    for key in set(keys):
        assert len({int(side) for side, k in zip(sides, keys, strict=True) if k == key}) == 1
    assert (sides == TRAIN).any()


@given(shares, st.floats(0, 0.9), st.integers(0, 99))
def test_a_given_side_is_not_touched(train: float, validation: float, seed: int) -> None:
    classes = np.tile([0, 1], 30)
    for given_side, drawn in ((TEST, VALIDATION), (VALIDATION, TEST)):
        sides = np.where(np.arange(60) < 20, given_side, TRAIN).astype(np.uint8)
        for found in (
            draw_sides(classes, sides, range(60), train=train, validation=validation, seed=seed),
            cut_sides(sides, train=train, validation=validation),
        ):
            np.testing.assert_array_equal(found == given_side, sides == given_side)
            assert (found == drawn).any() == (drawn == TEST or validation > 0)
            assert (found == TRAIN).any()


def test_the_seed_decides() -> None:
    classes = np.tile([0, 1, 2], 40)
    one, same, other = (
        draw_sides(
            classes,
            np.full(120, TRAIN, np.uint8),
            range(120),
            train=0.7,
            validation=0.1,
            seed=seed,
        )
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_large_group_of_copies_doesnt_upset_the_share() -> None:
    keys = [0] * 50 + list(range(1, 51))
    sides = draw_sides(
        np.zeros(100, np.int64),
        np.full(100, TRAIN, np.uint8),
        keys,
        train=0.8,
        validation=0,
        seed=0,
    )
    assert (sides == TRAIN).sum() == 80


@given(st.integers(2, 200), shares, st.floats(0, 0.9))
def test_runs_in_order(count: int, train: float, validation: float) -> None:
    sides = cut_sides(np.full(count, TRAIN, np.uint8), train=train, validation=validation)
    assert (np.diff(sides.astype(int)) >= 0).all()  # the codes rise: train, validation, test
    assert {TRAIN, TEST} <= set(sides.tolist())
    assert abs((sides != TEST).sum() - train * count) <= 1
