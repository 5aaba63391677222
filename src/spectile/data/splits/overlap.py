"""How far the windows of test pixels overlap those of training pixels, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

MEASURES = "this score measures generalisation"
SHOWN = 5
"""Classes that a verdict names."""


@dataclass(frozen=True)
class Overlap:
    """What a network has seen of the test windows while it was trained."""

    window: int
    """Edge of a pixel's window, odd."""
    overlap: float
    """Share of test pixels whose window holds the centre of a training window."""
    window_overlap: float
    """Share of test pixels whose window shares any pixel with a training window."""

    @property
    def verdict(self) -> str:
        """One sentence on how far to trust a score on these test pixels."""
        if self.window == 1:
            # Nothing is shared, and yet the pixels of one field are all but copies of each other.
            return (
                "Windows of one pixel never overlap, but a test pixel may lie right beside a "
                "training pixel: this score may still measure memory."
            )
        if self.window_overlap == 0:
            return f"No test window shares a pixel with a training window: {MEASURES}."
        share = f"{percent(self.window_overlap)} of test windows overlap a training window"
        if self.overlap >= 0.5 or self.window_overlap >= 0.9:
            return f"{share}: this score measures memory, not generalisation."
        if self.window_overlap >= 0.1:
            return f"{share}: this score is part memory, part generalisation."
        return f"{share}: {MEASURES}, slightly flattered."


def of_tested_classes(
    verdict: str, classes: int, untested: Sequence[str], untrained: Sequence[str]
) -> str:
    """`verdict` with the classes, of so many that have labels, that the score can't speak for.

    `untested` have no test pixel, `untrained` are tested without having been trained on.
    """
    if not untested and not untrained:
        return verdict
    told = []
    if untested:
        verdict = verdict.replace(MEASURES, f"{MEASURES} of the classes tested alone", 1)
        told.append(f"{len(untested)} of {classes} classes have no test pixel ({_few(untested)})")
    if untrained:
        verb = "are" if len(untrained) > 1 else "is"
        of = f"{len(untrained)}" if untested else f"{len(untrained)} of {classes} classes"
        told.append(f"{of} {verb} tested without having been trained on ({_few(untrained)})")
    return f"{verdict} {'; '.join(told)}."


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")


def measure_overlap(train: NDArray[np.bool_], test: NDArray[np.bool_], window: int) -> Overlap:
    """Compare the windows of the test pixels with those of all pixels that guide the training.

    `train` and `test` have shape (H, W); `train` includes the validation pixels, which choose the
    checkpoint. Windows are cut at the scene's border: mirrored padding repeats pixels that the
    window holds anyway, so two windows share a pixel just where their centres lie less than
    `window` rows and columns apart.
    """
    labelled = extent(train | test)
    train, test = train[labelled], test[labelled]
    pixels = np.count_nonzero(test)
    if pixels == 0:
        raise ValueError("there is no test pixel to compare")
    seen, shared = (
        float(np.count_nonzero(test & within_distance(train, distance)) / pixels)
        for distance in (window // 2, window - 1)
    )
    return Overlap(window, seen, shared)


def within_distance(mask: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    """Pixels (H, W) at most `distance` rows and columns away from a True pixel of `mask`."""
    # Two passes of van Herk's running maximum: the time doesn't depend on the distance.
    nearby = np.ascontiguousarray(mask).view(np.uint8)
    for axis in (0, 1):
        # A filter longer than twice the axis reaches nothing more, but its buffers grow with it.
        reach = min(distance, mask.shape[axis])
        nearby = ndimage.maximum_filter1d(nearby, 2 * reach + 1, axis=axis, mode="constant")
    return nearby.view(np.bool_)


def extent(mask: NDArray[Any]) -> tuple[slice, slice]:
    """The smallest rectangle that holds all pixels of `mask` (H, W) that aren't 0."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def percent(share: float) -> str:
    """A share for people, with neither 0% nor 100% where it isn't exactly that."""
    if 0 < share < 0.01:
        return "under 1%"
    if 0.99 < share < 1:
        return "over 99%"
    return f"{100 * share:.0f}%"
