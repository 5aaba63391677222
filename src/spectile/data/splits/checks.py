"""What labels and settings have to be for a split to be made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Labels
from spectile.data.splits.stratified import check_shares
from spectile.errors import InputError
from spectile.ranges import Seed, SmoothRadius, check


def check_settings(
    labels: Labels,
    window: int,
    validation: float,
    train: float = 0.5,
    *,
    seed: int = 0,
    smooth: int = 0,
) -> None:
    """Raise InputError for labels or settings that no split can be made of."""
    check("the seed", seed, Seed)
    check("smooth", smooth, SmoothRadius)
    check("the window", window, int)
    if window < 1 or window % 2 == 0:
        raise InputError(
            f"a window of {window} pixels has no pixel at its centre: choose an odd number."
        )
    height, width = labels.classes.shape
    if window > min(height, width):
        raise InputError(
            f"a window of {window} pixels is larger than the scene of {height} x {width}: "
            "choose a smaller window."
        )
    check_shares(train, validation)
    present = int(np.count_nonzero(labels.counts))
    if present < 2:
        found = "no pixel is labelled" if present == 0 else "all labelled pixels are of one class"
        raise InputError(f"{found}: label pixels of at least two classes.")


def check_blocks(guard: int, block: int | None) -> None:
    """Raise InputError for a guard or a block edge that make no sense."""
    check("the guard", guard, int)
    check("the block", block, int | None)
    if guard < 0:
        raise InputError(f"a guard of {guard} pixels makes no sense: choose 0 or more.")
    if block is not None and block <= guard:
        raise InputError(
            f"blocks of {block} pixels would vanish in a guard of {guard}: choose blocks of at "
            f"least {guard + 1} pixels, or a smaller guard."
        )


def check_shape(labels: Labels, array: NDArray[Any], what: str) -> None:
    """Raise InputError for an array, called `what`, that isn't on the grid of the labels."""
    if array.shape != labels.classes.shape:
        raise InputError(
            f"{what} is of size {_size(array)} and the labels are of size {_size(labels.classes)}: "
            "give one on the scene's grid."
        )


def _size(array: NDArray[Any]) -> str:
    return " x ".join(str(length) for length in array.shape)
