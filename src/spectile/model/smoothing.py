"""How a model's probabilities are smoothed before classes are chosen."""

from __future__ import annotations

from dataclasses import dataclass

from spectile.data.preprocessing.guide import Guide

EPSILON = 0.1
"""Of the variance of a guide's channel over training: edges of less contrast are smoothed away."""


@dataclass(frozen=True)
class Smoothing:
    """A guided filter: see :mod:`spectile.mapping.smoothing.guided_filter`."""

    guide: Guide
    radius: int = 0
    """Its means are over squares of 2 radius + 1 pixels; 0 smooths nothing."""
    epsilon: float = EPSILON
    """Its regularisation, in the guide's units squared."""
