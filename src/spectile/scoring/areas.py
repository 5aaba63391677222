"""How much ground each class covers: as mapped, and as the test pixels say of the map's mistakes.

Olofsson et al., "Good practices for estimating area and assessing accuracy of land change", Remote
Sensing of Environment 148, 2014, equations 9 to 11: the mapped classes are strata, the test pixels
mapped as a class are the sample of its stratum, and the confusion matrix says what part of a
stratum truly is of each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from spectile.scoring.intervals import CONFIDENCE, FEWEST, BlockCounts, interval

LEAST_SAMPLE = 2
"""Of fewer test pixels in a stratum no standard error follows."""

CONDITION = (
    "Adjusted areas hold only as far as the test pixels are a fair sample of each mapped class in "
    "the whole scene. Standard errors take test pixels for independent, which neighbours aren't."
)


def adjusted_shares(
    confusion: NDArray[Any], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The classes' shares of the ground (K,) and their standard errors (equations 9 and 10).

    `confusion` (K, K) counts test pixels, rows = truth; `weights` (K,) are the classes' shares of
    the map. A stratum with a weight needs two test pixels, or its numbers are NaN.
    """
    sample = confusion.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = confusion / sample  # of stratum i, in column i, what is truly of class k, in row k
        variances = parts * (1 - parts) / (sample - 1)
    there = weights > 0
    shares = parts[:, there] @ weights[there]
    errors = np.sqrt(variances[:, there] @ weights[there] ** 2)
    return shares, errors


def class_areas(
    counts: BlockCounts,
    mapped: NDArray[np.float64],
    names: Sequence[str],
    unit: str,
) -> dict[str, Any]:
    """``areas`` of metrics.json: what each class covers, in `unit`, "hectares" or "pixels".

    `mapped` (K,) are the classes' areas in the map, `counts` the test pixels block by block. An
    area is adjusted where the class has test pixels and its stratum at least two; strata without
    them are left out of all adjusted areas, and the notes say so. The 95% `interval` is that of
    the standard error, by the normal distribution; `block_interval` resamples test blocks, and is
    None where these are too few.
    """
    confusion = counts.total
    known = confusion.sum(axis=0) >= LEAST_SAMPLE
    unseen = ~known & (mapped > 0)
    tested = confusion.sum(axis=1) > 0
    surveyed = float(mapped[known].sum())
    told = tested & ~unseen & (surveyed > 0)
    shares, errors = adjusted_shares(confusion, _weights(mapped, known))
    bounds = _block_bounds(counts, mapped, known) if surveyed > 0 else None
    half = float(norm.ppf((1 + CONFIDENCE) / 2)) * errors
    classes = {}
    for k, name in enumerate(names):
        row: dict[str, Any] = {
            "mapped": float(mapped[k]),
            "adjusted": None,
            "standard_error": None,
            "interval": None,
            "block_interval": None,
        }
        if told[k]:
            low, high = max(0.0, shares[k] - half[k]), min(1.0, shares[k] + half[k])
            row["adjusted"] = float(shares[k] * surveyed)
            row["standard_error"] = float(errors[k] * surveyed)
            row["interval"] = [float(low * surveyed), float(high * surveyed)]
            if bounds is not None:
                row["block_interval"] = [float(bound * surveyed) for bound in bounds[:, k]]
        classes[name] = row
    return {
        "unit": unit,
        "total": float(mapped.sum()),
        "surveyed": surveyed,
        "classes": classes,
        "notes": [CONDITION, *_notes(names, mapped, unseen, tested)],
    }


def _weights(mapped: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shares of the map that are of each stratum with test pixels; 0 for others."""
    areas = np.where(known, mapped, 0.0)
    weights: NDArray[np.float64] = areas / max(areas.sum(), np.finfo(float).tiny)
    return weights


def _block_bounds(
    counts: BlockCounts, mapped: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    """Bounds (2, K) of the shares by resampling blocks; None where there are too few."""
    if counts.effective < FEWEST:
        return None
    weights = _weights(mapped, known)
    total = counts.total.astype(np.float64)
    # A stratum that no drawn block has a pixel of stays as the whole sample has it.
    usual = total / np.maximum(total.sum(axis=0), 1)

    def shares(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
        sample = matrices.sum(axis=1, keepdims=True)
        parts = np.where(sample > 0, matrices / np.maximum(sample, 1), usual)
        found: NDArray[np.float64] = parts @ weights
        return found

    return interval(counts, shares)


def _notes(
    names: Sequence[str],
    mapped: NDArray[np.float64],
    unseen: NDArray[np.bool_],
    tested: NDArray[np.bool_],
) -> list[str]:
    notes = []
    if unseen.any():
        share = mapped[unseen].sum() / mapped.sum()
        notes.append(
            f"{share:.1%} of the map is of classes that fewer than {LEAST_SAMPLE} test pixels are "
            f"mapped as ({_listed(names, unseen)}): what that ground is nobody can tell, so it is "
            "in no adjusted area."
        )
    if not tested.all():
        notes.append(
            f"No test pixel is of {_listed(names, ~tested)}: what they cover counts for others."
        )
    return notes


def _listed(names: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    return ", ".join(names[k] for k in np.flatnonzero(chosen).tolist())
