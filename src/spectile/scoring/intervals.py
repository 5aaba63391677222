"""In which interval a score lies, as far as the test blocks tell: 95%, by resampling them.

Blocks are drawn with replacement, as many as there are, and the scores of what was drawn are worked
out anew: the percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13). Of few blocks, or of blocks of very unequal size, plain percentiles hold the truth too
rarely: of 16 blocks of 2 to 200 pixels, 88 times in 100. So they are taken
further out, by as much as Student's t of n - 1 degrees lies further out than the normal
distribution (Hesterberg, "What teachers should know about the bootstrap", The American
Statistician 69, 2015, section 5.3), where n is how many blocks of one size would tell as much
(Kish, "Survey Sampling", 1965): 95 times
in 100 in the same trial.

What is drawn is the ground, not the training: another seed or other training pixels move a score
besides, which is what repeats are for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import norm, t

from spectile.scoring.metrics import SUMMARY

CONFIDENCE = 0.95
RESAMPLES = 10_000
FEWEST = 5
"""With fewer blocks of one size an interval would say more about luck than about the map."""
ALIKE = "No intervals: all test pixels are {}, and resampling can't tell how many others would be."
CELLS_AT_ONCE = 4_000_000
"""Numbers that are held at once, of all confusion matrices of some resamples."""


@dataclass(frozen=True)
class BlockCounts:
    """The confusion matrix of each test block; make it with :func:`block_counts`."""

    cells: csr_array
    """Shape (blocks, K * K): row by row of the matrices, rows = truth."""
    classes: int

    @property
    def blocks(self) -> int:
        count: int = self.cells.shape[0]
        return count

    @property
    def total(self) -> NDArray[np.int64]:
        """The confusion matrix of all blocks, shape (K, K)."""
        matrix: NDArray[np.int64] = self.cells.sum(axis=0).reshape(self.classes, self.classes)
        return matrix

    @property
    def effective(self) -> float:
        """How many blocks of one size would tell as much (Kish): fewer where sizes differ."""
        sizes = self.cells.sum(axis=1).astype(np.float64)
        return float(sizes.sum() ** 2 / (sizes**2).sum())

    def resampled(self) -> Iterator[NDArray[np.float64]]:
        """Confusion matrices (R, K, K) of drawn blocks, `RESAMPLES` in all; the same each time."""
        rng = np.random.default_rng(0)
        step = max(1, CELLS_AT_ONCE // max(self.classes**2, self.blocks))
        for start in range(0, RESAMPLES, step):
            count = min(step, RESAMPLES - start)
            drawn = rng.integers(self.blocks, size=(count, self.blocks))
            drawn += self.blocks * np.arange(count)[:, None]
            times = np.bincount(drawn.ravel(), minlength=count * self.blocks)
            matrices = times.reshape(count, self.blocks).astype(np.float64) @ self.cells
            yield matrices.reshape(count, self.classes, self.classes)


def block_counts(
    truth: NDArray[Any], prediction: NDArray[Any], blocks: NDArray[Any], classes: int
) -> BlockCounts:
    """Count pixels by block, true and mapped class.

    All of shape (N,): class indices 0 to `classes` - 1 and numbers of blocks, of which those
    without a pixel are left out.
    """
    _, places = np.unique(blocks, return_inverse=True)
    cells = truth.astype(np.int64) * classes + prediction.astype(np.int64)
    ones = np.ones(len(cells), np.int64)
    shape = (int(places.max()) + 1, classes**2)
    return BlockCounts(csr_array((ones, (places.reshape(-1), cells)), shape=shape), classes)


def score_intervals(counts: BlockCounts, edge: int) -> dict[str, Any]:
    """``intervals`` of metrics.json: of the four summary scores, by blocks of `edge` pixels.

    A class that isn't among the drawn blocks is left out of that draw's averages, as one without
    test pixels is of the scores'. No scores, and a note that says why, where blocks are too few or
    all pixels are alike: drawn again, they never differ.
    """
    effective = counts.effective
    told: dict[str, Any] = {
        "confidence": CONFIDENCE,
        "blocks": counts.blocks,
        "effective_blocks": round(effective, 1),
        "block_edge": edge,
        "scores": {},
        "note": None,
    }
    if effective < FEWEST:
        told["note"] = _too_few(counts.blocks, effective, edge)
        return told
    right, pixels = int(np.trace(counts.total)), int(counts.total.sum())
    if right in (0, pixels):
        told["note"] = ALIKE.format("right" if right else "wrong")
        return told
    bounds = interval(counts, summary_scores)
    told["scores"] = {
        name: [float(low), float(high)] for name, low, high in zip(SUMMARY, *bounds, strict=True)
    }
    return told


def interval(
    counts: BlockCounts, statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Lower and upper bounds (2, M) of M figures that `statistic` makes of confusion matrices.

    It takes (R, K, K) and gives (R, M). NaN, for a draw that can't tell, is left out of a figure.
    """
    values = np.concatenate([statistic(matrices) for matrices in counts.resampled()])
    outside = _tail(counts.effective)
    bounds: NDArray[np.float64] = np.nanquantile(values, [outside, 1 - outside], axis=0)
    return bounds


def summary_scores(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores of `SUMMARY` (R, 4) of confusion matrices (R, K, K), as `score` has them."""
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    support, mapped = matrices.sum(axis=2), matrices.sum(axis=1)
    pixels, right = support.sum(axis=1), hits.sum(axis=1)
    tested = support > 0
    number = tested.sum(axis=1)
    either = np.where(tested, support + mapped - hits, 1)
    chance = (support * mapped).sum(axis=1)
    beyond = pixels**2 - chance
    kappa = np.where(beyond > 0, (pixels * right - chance) / np.where(beyond > 0, beyond, 1), 0.0)
    scores = {
        "overall_accuracy": right / pixels,
        "average_accuracy": (hits / np.where(tested, support, 1)).sum(axis=1) / number,
        "kappa": kappa,
        "mean_iou": (np.where(tested, hits, 0) / either).sum(axis=1) / number,
    }
    return np.stack([scores[name] for name in SUMMARY], axis=1)


def _tail(effective: float) -> float:
    """The share of draws that lies beyond each bound."""
    further = math.sqrt(effective / (effective - 1))
    return float(norm.cdf(further * t.ppf((1 - CONFIDENCE) / 2, effective - 1)))


def _too_few(blocks: int, effective: float, edge: int) -> str:
    lie = f"{blocks} test block{'s' * (blocks != 1)} of {edge} x {edge} pixels"
    as_good = "" if blocks < FEWEST else f", of such unequal size that they tell as {effective:.1f}"
    return f"No intervals: all test pixels lie in {lie}{as_good}; {FEWEST} are the least."
