"""A picture of an image of any bands and type, for people to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.quicklook import color_bands, quicklook
from spectile.data.readers.in_memory import scene_from_array

MISSING = 128
"""Mid grey stands for pixels without data."""


def sample_picture(
    image: NDArray[Any], bands: tuple[int, int, int] | None = None
) -> NDArray[np.uint8]:
    """An image of shape (bands, H, W) as red, green, blue of shape (H, W, 3).

    Three bands of 8 bits are a photo and shown as they are. All others are stretched band by band
    from the 2nd to the 98th percentile; a single band comes out grey. `bands` (from 0) are shown
    as red, green and blue; without them three bands spread over those that hold any data. Pixels
    where one of the shown bands is NaN or infinite are mid grey.
    """
    if image.dtype == np.uint8 and len(image) == 3:
        shown = image if bands is None else image[list(bands)]
        return np.ascontiguousarray(shown.transpose(1, 2, 0))
    finite = np.isfinite(image)
    chosen = np.flatnonzero(finite.any(axis=(1, 2))) if bands is None else np.array(bands)
    if len(chosen) == 0:
        return np.full((*image.shape[1:], 3), MISSING, dtype=np.uint8)
    scene = scene_from_array(image[chosen])
    picture = quicklook(scene, max_size=max(image.shape[1:]))
    shown_bands = chosen[list(color_bands(scene))]
    picture[~finite[shown_bands].all(axis=0)] = MISSING
    return picture
