"""A sample of the pixels of many images, and which of their bands say anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectile.data.describe import band_ranges
from spectile.data.images.store import ImageStore
from spectile.errors import InputError

MOST_IMAGES = 4096
"""Images that are looked at: those that aren't in memory have to be decoded again."""


def sample_pixels(store: ImageStore, *, count: int = 200_000, seed: int) -> NDArray[np.float32]:
    """About `count` pixels (pixels, bands), as many of each image, drawn with replacement.

    NaN where missing. Of large collections 4096 images drawn at random stand for all.
    """
    rng = np.random.default_rng(seed)
    images = np.arange(len(store))
    if len(images) > MOST_IMAGES:
        images = np.sort(rng.choice(len(store), MOST_IMAGES, replace=False))
    each = -(-count // len(images))
    sample = np.empty((len(images) * each, store.bands), np.float32)
    for row, index in enumerate(images.tolist()):
        pixels = store.image(index).reshape(store.bands, -1)
        chosen = rng.integers(pixels.shape[1], size=each)
        sample[row * each : (row + 1) * each] = pixels[:, chosen].T
    return sample


def live_bands(pixels: NDArray[np.float32]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The bands (from 0) of `pixels` (pixels, bands) that vary, and notes that name the others.

    Raises InputError if there is none, or no pixel with data in all of them.
    """
    low, high = np.fmin.reduce(pixels, axis=0), np.fmax.reduce(pixels, axis=0)  # without NaN
    empty = np.isnan(low)
    constant = low == high
    live = np.flatnonzero(~empty & ~constant)
    if not len(live):
        raise InputError("every band of the training images is empty or constant: check the files.")
    if np.isnan(pixels[:, live]).any(axis=1).all():
        raise InputError(
            f"no pixel of the training images has data in all of the bands {band_ranges(live)}: "
            "check the files for images that lack bands."
        )
    notes = [
        f"Left out because {why} in the training images: band{'s' * (len(of) > 1)} "
        f"{band_ranges(of)}."
        for of, why in (
            (np.flatnonzero(empty), "without data"),
            (np.flatnonzero(constant), "constant"),
        )
        if len(of)
    ]
    return tuple(live.tolist()), tuple(notes)
