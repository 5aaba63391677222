"""How far the windows of test pixels overlap those of training pixels, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spectile.data.preprocessing.guide import reach_of

MEASURES = "this score measures generalisation"
SHOWN = 5
"""Classes that a verdict names."""


def honest_window(window: int, smooth: int = 0) -> int:
    """The edge, odd, of the square around a pixel that holds all that its class depends on.

    That is its `window`, and what smoothing of radius `smooth` reaches beyond it. An even window
    reaches further to one side, and to both where the scene's border is mirrored.
    """
    return (window | 1) + 2 * reach_of(smooth)


@dataclass(frozen=True)
class Overlap:
    """What a network has seen while it was trained of what the test pixels' classes depend on."""

    window: int
    """Edge of the window that a network sees of a pixel, odd."""
    overlap: float
    """Share of test pixels whose honest window holds the centre of a training window."""
    window_overlap: float
    """Share of test pixels whose honest window shares any pixel with a training window."""
    smooth: int = 0
    """Radius of smoothing, which no training window reaches: the fit sees no smoothed numbers."""

    @property
    def honest_window(self) -> int:
        """Edge of the square that decides on a test pixel's class."""
        return honest_window(self.window, self.smooth)

    @property
    def verdict(self) -> str:
        """One sentence on how far to trust a score on these test pixels."""
        if self.honest_window == 1:
            # Nothing is shared, and yet the pixels of one field are all but copies of each other.
            return (
                "Windows of one pixel never overlap, but a test pixel may lie right beside a "
                "training pixel: this score may still measure memory."
            )
        if self.window_overlap == 0:
            return f"{self._nothing_shared}: {MEASURES}."
        share = f"{percent(self.window_overlap)} of {self._sharing} a training window"
        if self.overlap >= 0.5 or self.window_overlap >= 0.9:
            return f"{share}: this score measures memory, not generalisation."
        if self.window_overlap >= 0.1:
            return f"{share}: this score is part memory, part generalisation."
        return f"{share}: {MEASURES}, slightly flattered."

    @property
    def _nothing_shared(self) -> str:
        if not self.smooth:
            return "No test window shares a pixel with a training window"
        edge = self.honest_window
        return (
            f"No pixel of a training window is among the {edge} x {edge} that a test pixel's class "
            "depends on"
        )

    @property
    def _sharing(self) -> str:
        return "test pixels depend on pixels of" if self.smooth else "test windows overlap"


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


def farthest_shared(window: int, smooth: int = 0) -> int:
    """Rows or columns, at most, between pixels of which one's class depends on the other's window.

    A training window reaches window // 2 from its pixel, and what decides on a test pixel's class
    as much further as smoothing reaches.
    """
    return window // 2 + honest_window(window, smooth) // 2


def measure_overlap(
    train: NDArray[np.bool_], test: NDArray[np.bool_], window: int, smooth: int = 0
) -> Overlap:
    """Compare the honest windows of the test pixels with the windows that guide the training.

    `train` and `test` have shape (H, W); `train` includes the validation pixels, which choose the
    checkpoint. Windows are cut at the scene's border: mirrored padding repeats pixels that the
    window holds anyway, and beyond the border smoothing finds none. So two windows share a pixel
    just where their centres lie at most :func:`farthest_shared` rows and columns apart.
    """
    labelled = extent(train | test)
    train, test = train[labelled], test[labelled]
    pixels = np.count_nonzero(test)
    if pixels == 0:
        raise ValueError("there is no test pixel to compare")
    seen, shared = (
        float(np.count_nonzero(test & within_distance(train, distance)) / pixels)
        for distance in (honest_window(window, smooth) // 2, farthest_shared(window, smooth))
    )
    return Overlap(window, seen, shared, smooth)


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
