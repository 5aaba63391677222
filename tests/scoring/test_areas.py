"""Areas by class: the worked example of the paper, and what is said where nothing can be known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spectile.scoring.areas import adjusted_shares, class_areas
from spectile.scoring.intervals import BlockCounts, block_counts

NAMES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
# Olofsson et al. 2014, table 8: rows are mapped classes, columns the truth.
TABLE = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED = np.array([200_000, 150_000, 3_200_000, 6_450_000]) * 0.09
"""Hectares, of pixels of 30 m."""


def in_blocks(confusion: NDArray[np.int64], blocks: int = 1) -> BlockCounts:
    """A confusion matrix, rows = truth, dealt out to blocks."""
    truth, mapped = np.nonzero(confusion)
    times = confusion[truth, mapped]
    truth, mapped = np.repeat(truth, times), np.repeat(mapped, times)
    order = np.random.default_rng(0).permutation(len(truth))
    return block_counts(truth[order], mapped[order], np.arange(len(truth)) % blocks, len(confusion))


def test_the_example_of_the_paper() -> None:
    told = class_areas(in_blocks(TABLE.T), MAPPED, NAMES, "hectares")
    rows = told["classes"]
    # Section 5.2 of the paper, in hectares with 95% margins.
    for name, area, margin in (
        ("deforestation", 21_158, 6_158),
        ("forest gain", 11_686, 3_756),
        ("stable forest", 285_770, 15_510),
        ("stable non-forest", 581_386, 16_282),
    ):
        assert rows[name]["adjusted"] == pytest.approx(area, abs=1)
        low, high = rows[name]["interval"]
        assert (high - low) / 2 == pytest.approx(margin, rel=2e-3)
        assert (high - low) / 2 == pytest.approx(1.96 * rows[name]["standard_error"], rel=1e-4)
        assert rows[name]["block_interval"] is None, "one block"
    assert told["total"] == told["surveyed"] == pytest.approx(900_000)
    assert sum(row["adjusted"] for row in rows.values()) == pytest.approx(900_000)


def test_shares_worked_out_by_hand() -> None:
    # Of class a's half 8 of 10 are a; of b's half 1 of 5 is a.
    shares, errors = adjusted_shares(np.array([[8, 1], [2, 4]]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(shares, [0.5 * 0.8 + 0.5 * 0.2, 0.5 * 0.2 + 0.5 * 0.8])
    error = np.sqrt(0.25 * 0.8 * 0.2 / 9 + 0.25 * 0.2 * 0.8 / 4)
    np.testing.assert_allclose(errors, [error, error])


def test_blocks_that_differ_leave_more_doubt_than_pixels_that_do() -> None:
    rng = np.random.default_rng(2)
    blocks = np.repeat(np.arange(24), 200)
    truth = rng.integers(2, size=len(blocks))
    wrong = rng.random(len(blocks)) < rng.beta(0.3, 0.7, 24)[blocks]
    counts = block_counts(truth, np.where(wrong, 0, truth), blocks, 2)
    row = class_areas(counts, np.array([70.0, 30.0]), ("a", "b"), "pixels")["classes"]["a"]
    by_pixel, by_block = (np.diff(row[kind])[0] for kind in ("interval", "block_interval"))
    assert by_block > 3 * by_pixel
    assert row["block_interval"][0] < row["adjusted"] < row["block_interval"][1]


def test_what_nobody_can_know_is_none_and_said() -> None:
    # c is mapped, and no test pixel is mapped as it; d has no test pixel and isn't mapped.
    confusion = np.array([[9, 1, 0, 0], [1, 9, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0]])
    told = class_areas(in_blocks(confusion), np.array([60.0, 30, 10, 0]), tuple("abcd"), "pixels")
    rows = told["classes"]
    assert rows["c"]["mapped"] == 10
    assert rows["c"]["adjusted"] is rows["c"]["interval"] is rows["d"]["adjusted"] is None
    assert told["surveyed"] == 90
    assert rows["a"]["adjusted"] == pytest.approx(60 * 0.9 + 30 * 1 / 14)
    assert "fair sample" in told["notes"][0]
    assert "10.0% of the map is of classes that fewer than 2" in told["notes"][1]
    assert "No test pixel is of d: what they cover" in told["notes"][2]


def test_one_test_pixel_of_a_stratum_is_none() -> None:
    told = class_areas(in_blocks(np.array([[8, 0], [2, 1]])), np.array([5.0, 5]), ("a", "b"), "x")
    assert told["classes"]["b"]["adjusted"] is None
    assert told["surveyed"] == 5
    nothing = class_areas(
        in_blocks(np.array([[1, 0], [0, 1]])), np.array([5.0, 5]), ("a", "b"), "x"
    )
    assert [row["adjusted"] for row in nothing["classes"].values()] == [None, None]
