"""Differences between two networks that were tested on the same splits, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

CONFIDENCE = 0.95


@dataclass(frozen=True)
class PairedDifference:
    """By how much one score is above another, over splits that both were tested on."""

    mean: float
    deviation: float | None
    """Standard deviation over the splits; None of a single one."""
    splits: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """In which the mean lies with 95% confidence, by Student's t; None for a single split."""
        if self.deviation is None:
            return None
        quantile = float(t.ppf((1 + CONFIDENCE) / 2, self.splits - 1))
        half = quantile * self.deviation / math.sqrt(self.splits)
        return self.mean - half, self.mean + half

    @property
    def clear(self) -> bool:
        """Whether the interval leaves no doubt which one is better."""
        return self.interval is not None and self.interval[0] * self.interval[1] > 0


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> PairedDifference:
    """By how much `ours` are above `theirs`, in the same order of splits; at least one each."""
    differences = np.subtract(ours, theirs)
    count = len(differences)
    deviation = float(differences.std(ddof=1)) if count > 1 else None
    return PairedDifference(float(differences.mean()), deviation, count)
