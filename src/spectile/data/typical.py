"""How large the values of a scene usually are, out of a few windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.scene import Scene

_EDGE = 64
"""Of a window, in pixels."""
_ENOUGH = 1000
"""Pixels with data: more of them change a median by less than matters here."""
FACTOR = 10.0
"""Seasons, sensors and ground change values by less than that; another scale by more."""


def medians_of(scene: Scene, bands: Sequence[int]) -> NDArray[np.float64] | None:
    """The median of each of `bands` (from 0) over a thousand pixels with data, if there are any.

    Windows from the middle outwards are read until that many are found.
    """
    found: list[NDArray[np.float64]] = []
    for window in _windows(scene):
        pixels = scene.read(window, bands)
        found.append(pixels[:, scene.valid(pixels)].astype(np.float64))
        if sum(part.shape[1] for part in found) >= _ENOUGH:
            break
    spectra = np.concatenate(found, axis=1)
    if not spectra.shape[1]:
        return None
    medians: NDArray[np.float64] = np.median(spectra, axis=1)
    return medians


def times_apart(here: NDArray[np.float64], there: NDArray[np.float64]) -> float | None:
    """By what factor two lists of medians differ where they differ by more than FACTOR.

    The middle one of the bands' factors, above 1 where `here` is larger; None where they are of
    one size, or too near to 0 to tell.
    """
    told = (here != 0) & (there != 0)
    if 2 * told.sum() <= len(told):
        return None
    factor = float(np.median(np.abs(here[told] / there[told])))
    return None if 1 / FACTOR <= factor <= FACTOR else factor


def _windows(scene: Scene) -> Iterator[Window]:
    """A window in the middle, then those of a grid."""
    places = [(0.5, 0.5)]
    places += [(down, across) for down in (0.2, 0.5, 0.8) for across in (0.2, 0.5, 0.8)]
    places += [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    height, width = min(_EDGE, scene.height), min(_EDGE, scene.width)
    for down, across in places:
        row, column = int(down * (scene.height - height)), int(across * (scene.width - width))
        yield Window(column, row, width, height)
