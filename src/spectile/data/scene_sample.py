"""Pixels from all over a scene, out of a few reads, and what they say of its bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.scene import Scene, UnreadableError

EDGE = 16
"""Of a square that is read, in pixels: single pixels would cost as much each, for a file is read in
blocks, and squares take in more of the ground than lines do."""
SAMPLE = 100_000
"""Pixels of a scene that its statistics are of at most."""
TAILS = (5, 95)
"""Percentiles that values beyond them are set to before their mean and deviation are taken."""


@dataclass(frozen=True, eq=False)
class BandStatistics:
    """Mean and deviation of each of some bands over a scene, by which its light is told.

    They are winsorised (Tukey, "The Future of Data Analysis", Ann. Math. Stat. 33, 1962): values
    beyond the 5th and the 95th percentile count as these. One hot pixel moves a plain mean and
    deviation so far that nothing is left of a map; the median and the range between quartiles stand
    it, but follow small changes in the mix of classes more than means do.
    """

    means: NDArray[np.float64]
    """Shape (bands,)."""
    deviations: NDArray[np.float64]
    """Shape (bands,); 0 for a constant band."""


def band_statistics(scene: Scene, bands: Sequence[int]) -> BandStatistics | None:
    """Of `bands` (from 0) over all pixels with data, or over a regular sample of a large scene.

    None where no pixel with data can be read.
    """
    spectra = sample_spectra(scene, bands, SAMPLE)
    if not len(spectra):
        return None
    means, deviations = np.empty((2, len(bands)))
    # Band by band: all of them as float64 would take several times the sample.
    for place, band in enumerate(spectra.T):
        values = band.astype(np.float64)
        values.clip(*np.percentile(values, TAILS), out=values)
        # Of equal values the mean is one in its last digits alone.
        constant = values.min() == values.max()
        means[place], deviations[place] = values.mean(), 0 if constant else values.std()
    return BandStatistics(means, deviations)


def sample_spectra(
    scene: Scene, bands: Sequence[int], count: int, *, edge: int = EDGE
) -> NDArray[Any]:
    """The spectra (N, bands) of pixels with data, all over `scene`.

    All pixels of a scene that has no more than `count`, else those of squares on a regular grid,
    `edge` pixels a side, `count` pixels at most. What can't be read is left out.
    """
    found = [np.empty((0, len(bands)), scene.dtype)]
    for window in _windows(scene, count, edge):
        try:
            pixels = scene.read(window, bands)
        except UnreadableError:
            continue
        found.append(pixels[:, scene.valid(pixels)].T)
    return np.concatenate(found)


def _windows(scene: Scene, count: int, edge: int) -> Iterator[Window]:
    height, width = scene.height, scene.width
    if height * width <= count:
        # In strips, of which a damaged one costs no more than itself.
        for row in range(0, height, edge):
            yield Window(0, row, width, min(edge, height - row))
        return
    edge = min(edge, height, width, max(1, int(np.sqrt(count))))
    # As many squares as there are to be, in a grid of the scene's own shape.
    squares = max(1, count // edge**2)
    down = int(np.clip(np.sqrt(squares * height / width), 1, min(squares, height // edge)))
    across = int(min(squares // down, width // edge))
    for row in _middles(height, edge, down):
        for column in _middles(width, edge, across):
            yield Window(column, row, edge, edge)


def _middles(length: int, edge: int, pieces: int) -> list[int]:
    """Where squares of this `edge` begin, one in the middle of each of so many equal pieces."""
    return [int((2 * piece + 1) * length / (2 * pieces) - edge / 2) for piece in range(pieces)]
