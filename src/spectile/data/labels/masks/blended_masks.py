"""Masks that were resized with blending, antialiased or compressed with loss, found out.

Such a mask has, beside its classes, many rare values that stand at borders alone. A class fills
areas: some pixels have nothing but their own class around them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from spectile.data.labels.masks.census import MaskCensus
from spectile.data.labels.masks.mask_classes import color_name
from spectile.data.labels.masks.mask_file import NOTHING, MaskPixels, read_mask
from spectile.errors import InputError

MOST_MASKS = 24
"""Masks that are looked at, those with the most values."""
EDGE = 512
"""Of the middle of a mask that is looked at, in pixels."""

SOLID_CORE, SOLID_SHARE = 0.2, 0.005
"""A class has this share of its pixels among its own kind, and this share of all pixels."""
THIN_CORE = 0.05
"""A blend has fewer than this share of its pixels among its own kind."""
MANY = 6
"""Thin values that are too many for masts and lines, if they are twice as many as the others."""
MIXED = 0.6
"""Share of their pixels that have two other values beside them: points have only one around."""
MIDDLE = (16, 239)
"""Between black and white even one thin grey value is a blend of both."""
NEAR = 4
"""Pixels within which a blend has both of the values that it is made of."""


@dataclass
class _Sums:
    """Pixels by value: all, those among their own kind, and thin candidates among others."""

    pixels: dict[int, int] = field(default_factory=dict)
    core: dict[int, int] = field(default_factory=dict)
    mixed: dict[int, int] = field(default_factory=dict)
    between: dict[int, int] = field(default_factory=dict)
    """Pixels that have both black (0) and white (255) near."""

    def add(self, numbers: NDArray[np.int32]) -> None:
        """Count the inner pixels of one mask (H, W)."""
        inner = numbers[1:-1, 1:-1]
        low = minimum_filter(numbers, 3)[1:-1, 1:-1]
        high = maximum_filter(numbers, 3)[1:-1, 1:-1]
        _count(self.pixels, inner)
        _count(self.core, inner[low == high])
        # Two others beside a pixel: one below and one above it, or two on one side of it.
        _count(self.mixed, inner[_others(numbers) > 1])
        black, white = (
            maximum_filter(numbers == value, 2 * NEAR + 1)[1:-1, 1:-1] for value in (0, 255)
        )
        _count(self.between, inner[black & white])


def refuse_blended(masks: Sequence[MaskCensus]) -> None:
    """Raise InputError if the values of `masks` look blended at the borders of a few."""
    grey = all(not mask.colored or mask.grey for mask in masks)
    values = {value for mask in masks for value in (mask.values if grey else mask.counts)}
    greys = {0, 255} <= values and any(MIDDLE[0] <= value <= MIDDLE[1] for value in values)
    if len(values) <= MANY and not greys:
        return
    sums = _Sums()
    for mask in sorted(masks, key=lambda mask: -len(mask.counts))[:MOST_MASKS]:
        numbers = _middle(read_mask(mask.path), grey=grey)
        if min(numbers.shape) >= 3:
            sums.add(numbers)
    thin, solid = _kinds(sums)
    if not _is_blended(sums, thin, solid):
        return
    share = sum(sums.pixels[value] for value in thin) / sum(sums.pixels.values())
    name = str if grey else color_name
    found = ", ".join(name(value) for value in sorted(thin)[:3])
    between = ", ".join(name(value) for value in sorted(solid)[:4])
    raise InputError(
        f"the masks look blended: {len(thin):,} rare values such as {found} ({share:.1%} of the "
        f"pixels) stand at borders between others ({between}), as antialiasing, resizing or JPEG "
        "leave them: export them without, resized by nearest neighbour, or round them to their "
        "classes first."
    )


def _kinds(sums: _Sums) -> tuple[set[int], set[int]]:
    """The thin values and the solid ones; there may be others."""
    everything = sum(sums.pixels.values())
    share = {v: sums.core.get(v, 0) / count for v, count in sums.pixels.items()}
    thin = {value for value, core in share.items() if core < THIN_CORE}
    solid = {
        value
        for value, core in share.items()
        if core >= SOLID_CORE and sums.pixels[value] >= SOLID_SHARE * everything
    }
    return thin, solid


def _is_blended(sums: _Sums, thin: set[int], solid: set[int]) -> bool:
    count = sum(sums.pixels[value] for value in thin)
    if not thin or not solid:
        return False
    if len(thin) >= MANY and len(thin) >= 2 * (len(sums.pixels) - len(thin)):
        return _of(sums.mixed, thin) >= MIXED * count
    middle = all(MIDDLE[0] <= value <= MIDDLE[1] for value in thin)
    return solid == {0, 255} and middle and _of(sums.between, thin) >= MIXED * count


def _middle(mask: MaskPixels, *, grey: bool) -> NDArray[np.int32]:
    rows, columns = (
        slice(max(0, (length - EDGE) // 2), max(0, (length - EDGE) // 2) + EDGE)
        for length in mask.numbers.shape
    )
    numbers = mask.numbers[rows, columns]
    if not (grey and mask.colored):
        return numbers
    return np.where(numbers == NOTHING, NOTHING, numbers // 0x010101).astype(np.int32)


def _others(numbers: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many values beside its own a pixel has around it, up to two; of inner pixels."""
    inner = numbers[1:-1, 1:-1]
    height, width = inner.shape
    first = inner.copy()
    several = np.zeros(inner.shape, np.bool_)
    for row in range(3):
        for column in range(3):
            near = numbers[row : row + height, column : column + width]
            other = near != inner
            fresh = other & (first == inner)
            several |= other & ~fresh & (near != first)
            first = np.where(fresh, near, first)
    found: NDArray[np.int64] = (first != inner).astype(np.int64) + several
    return found


def _count(into: dict[int, int], numbers: NDArray[np.int32]) -> None:
    for value, count in zip(*np.unique(numbers, return_counts=True), strict=True):
        if value != NOTHING:
            into[int(value)] = into.get(int(value), 0) + int(count)


def _of(counts: Mapping[int, int], values: set[int]) -> int:
    return sum(counts.get(value, 0) for value in values)
