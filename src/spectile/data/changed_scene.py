"""A scene as another day may bring it: other light, noise, shifted wavelengths, lost bands.

What changes are the values that a model is given, reflectances or digital numbers, band by band:
gains multiply them, so digital numbers of a sensor with an offset change by more than its light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.scene import Reader, Scene

ChangeName = Literal["light", "tilt", "bow", "noise", "shift", "lost"]

LIGHT = 0.9, 0.95, 0.98, 1.02, 1.05, 1.1
"""What multiplies all bands."""
SLANTED = -0.05, -0.02, 0.02, 0.05
"""Of tilt and bow: how far a gain is from 1 where it is farthest."""
NOISE = 1, 2, 4
"""Added noise, in multiples of the scene's own."""
SHIFT = -0.5, -0.1, 0.1, 0.5
"""Shares of the way from one band to the next."""
LOST = 20
"""One band in so many."""
CURVED = 4
"""Bands that it takes for a bow, and for spectra to have a course that can be shifted."""
PERIOD = 128
"""Pixels after which noise repeats, both ways: more than a network's window sees."""
LOOKED_AT = 4, 32
"""Windows along each axis that the scene's noise is estimated in, and their edge in pixels."""

Values = NDArray[np.floating]
"""(bands, h, w), the same bands each time."""


@dataclass(frozen=True)
class Change:
    """One change of a scene's values."""

    name: ChangeName
    size: float
    """light: what multiplies all bands. tilt, bow: how far the gain is from 1 at its farthest,
    negative where the long wavelengths (bow: the ends) are darker. noise: its deviation, by the
    scene's own. shift: towards the next band, by the distance of bands. lost: share of bands."""
    apply: Callable[[Values, Window], Values]
    """Changed values, (bands, h, w), of those of a window of the scene."""


def changes(scene: Scene, bands: Sequence[int], typical: NDArray[np.float64]) -> tuple[Change, ...]:
    """All changes that make sense for a scene, of which a model takes `bands` (from 0).

    `typical` (bands,) is what lost bands hold instead. A scene of fewer than 4 bands has no bow and
    no shift, one of fewer than 20 loses none, and a single band has no tilt.
    """
    places = _places(scene, bands)
    made: list[Change] = [Change("light", factor, _gains(np.full(1, factor))) for factor in LIGHT]
    if len(bands) > 1:
        made += [Change("tilt", size, _gains(1 + size * places)) for size in SLANTED]
    if len(bands) >= CURVED:
        parabola = places**2 - np.mean(places**2)
        parabola /= np.abs(parabola).max()
        made += [Change("bow", size, _gains(1 + size * parabola)) for size in SLANTED]
    noise = noise_deviations(scene, bands)
    made += [Change("noise", times, _noise(times * noise)) for times in NOISE]
    if len(bands) >= CURVED:
        made += [
            Change("shift", share, _shift(share, np.asarray(bands), places)) for share in SHIFT
        ]
    if len(bands) >= LOST:
        made.append(Change("lost", 1 / LOST, _lost(typical)))
    return tuple(made)


def changed(scene: Scene, bands: Sequence[int], change: Change) -> Scene:
    """The scene with changed values in `bands`, the only ones that it can be asked for.

    Values are floats, NaN where a pixel lacks data in any of the bands.
    """
    small = scene.dtype.itemsize <= 2 or scene.dtype == np.float32
    dtype = np.dtype(np.float32 if small else np.float64)
    reader = _ChangedReader(scene, tuple(bands), change, dtype)
    return replace(scene, dtype=dtype, reader=reader, gaps_are_nan=True, unscaled=None)


def remembered(scene: Scene, gigabytes: float) -> Scene:
    """The scene, which reads the same windows but once, as far as the memory goes."""
    return replace(scene, reader=_RememberingReader(scene.reader, int(gigabytes * 1e9)))


def noise_deviations(scene: Scene, bands: Sequence[int]) -> NDArray[np.float64]:
    """The noise of each band (bands,), from differences of neighbours in windows over the scene.

    1.4826 times the median of absolute differences along rows, by the root of two: half of the
    pixels may lie on edges or in textures before these count as noise.
    """
    count, edge = LOOKED_AT
    height, width = min(edge, scene.height), min(edge, scene.width)
    found = [
        _differences(scene, Window(left, top, width, height), bands)
        for top in _starts(scene.height, height, count)
        for left in _starts(scene.width, width, count)
    ]
    differences = np.concatenate(found, axis=1)
    if not differences.shape[1]:
        return np.zeros(len(bands))
    deviations: NDArray[np.float64] = 1.4826 / np.sqrt(2) * np.median(np.abs(differences), axis=1)
    return deviations


def _differences(scene: Scene, window: Window, bands: Sequence[int]) -> NDArray[np.float64]:
    """Between neighbours in a row, (bands, pairs), where both hold data."""
    pixels = scene.read(window, bands)
    valid = scene.valid(pixels)
    pairs = valid[:, 1:] & valid[:, :-1]
    right, left = (
        side[:, pairs].astype(np.float64) for side in (pixels[:, :, 1:], pixels[:, :, :-1])
    )
    difference: NDArray[np.float64] = right - left
    return difference


def _starts(length: int, edge: int, count: int) -> list[int]:
    """Where up to `count` windows begin that are spread over an axis."""
    return sorted({round(place) for place in np.linspace(0, length - edge, count)})


def _places(scene: Scene, bands: Sequence[int]) -> NDArray[np.float64]:
    """From -1 at the shortest wavelength to 1 at the longest; where none are told, by number."""
    told = scene.wavelengths_of(bands)
    places = np.asarray(bands, np.float64) if told is None or not np.ptp(told) else told
    middle, half = (places.min() + places.max()) / 2, max(np.ptp(places) / 2, 1e-9)
    scaled: NDArray[np.float64] = (places - middle) / half
    return scaled


def _gains(gains: NDArray[np.float64]) -> Callable[[Values, Window], Values]:
    def apply(pixels: Values, window: Window) -> Values:
        return pixels * gains[:, None, None].astype(pixels.dtype)

    return apply


def _shift(
    share: float, numbers: NDArray[np.int64], places: NDArray[np.float64]
) -> Callable[[Values, Window], Values]:
    """Along the line through a band and its neighbour; at an end the line before goes on.

    An end is also where a sensor's next detector begins anew. Neighbours between which bands
    aren't used are farther apart than a band.
    """
    here, between = np.arange(len(numbers)), np.diff(places)
    joined = np.sign(between) == np.sign(np.median(between))
    ahead, behind = np.append(joined, False), np.insert(joined, 0, False)
    side, wanted, instead = (1, ahead, behind) if share > 0 else (-1, behind, ahead)
    other = here + np.where(wanted, side, np.where(instead, -side, 0))
    gaps = np.maximum(1, np.abs(numbers[other] - numbers))
    steps = abs(share) / gaps * np.where(wanted, 1, -1)

    def apply(pixels: Values, window: Window) -> Values:
        moved: Values = pixels + (pixels[other] - pixels) * steps[:, None, None].astype(
            pixels.dtype
        )
        return moved

    return apply


def _noise(deviations: NDArray[np.float64]) -> Callable[[Values, Window], Values]:
    def apply(pixels: Values, window: Window) -> Values:
        rows, columns = (
            (start + np.arange(length)) % PERIOD
            for start, length in ((window.row_off, window.height), (window.col_off, window.width))
        )
        drawn = _standard_noise(len(pixels))[:, rows[:, None], columns]
        return pixels + drawn * deviations[:, None, None].astype(pixels.dtype)

    return apply


@lru_cache(maxsize=1)
def _standard_noise(bands: int) -> NDArray[np.float32]:
    """Gaussian, of deviation 1; a pixel has the same in whatever window it is read."""
    return np.random.default_rng(0).standard_normal((bands, PERIOD, PERIOD), np.float32)


def _lost(typical: NDArray[np.float64]) -> Callable[[Values, Window], Values]:
    bands = np.arange(LOST // 2, len(typical), LOST)

    def apply(pixels: Values, window: Window) -> Values:
        left = pixels.copy()
        left[bands] = typical[bands, None, None]
        return left

    return apply


@dataclass(frozen=True, eq=False)
class _ChangedReader:
    """Reads a scene's pixels and changes them."""

    scene: Scene
    bands: tuple[int, ...]
    change: Change
    dtype: np.dtype[Any]

    @property
    def block(self) -> tuple[int, int]:
        return self.scene.reader.block

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        if tuple(bands) != self.bands:
            raise ValueError(f"bands {self.bands} were changed, not {tuple(bands)}")
        pixels = self.scene.read(window, bands)
        valid = self.scene.valid(pixels)
        values = np.where(valid, pixels, 0).astype(self.dtype)
        changed = self.change.apply(values, window)
        changed[:, ~valid] = np.nan
        return changed

    def close(self) -> None:
        self.scene.reader.close()


class _RememberingReader:
    """Hands out the pixels of another reader, from memory where they were read before."""

    def __init__(self, reader: Reader, most: int) -> None:
        """`most` is the number of bytes that are kept."""
        self._reader = reader
        self._room = most
        self._kept: dict[tuple[Any, ...], NDArray[Any]] = {}

    @property
    def block(self) -> tuple[int, int]:
        return self._reader.block

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        place = (*window.flatten(), tuple(bands))
        pixels = self._kept.get(place)
        if pixels is None:
            pixels = self._reader.read(window, bands)
            pixels.flags.writeable = False
            if pixels.nbytes <= self._room:
                self._room -= pixels.nbytes
                self._kept[place] = pixels
        return pixels

    def close(self) -> None:
        self._reader.close()
