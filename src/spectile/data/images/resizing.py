"""Images and masks made smaller or larger, whatever their bands and number type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HALF = 0.5
"""A pixel of the result of which less than this is covered by data is missing."""


def size_of_shorter(shape: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Height and width with `shorter` pixels along the shorter side of (height, width)."""
    scale = shorter / min(shape)
    height, width = (max(1, round(side * scale)) for side in shape)
    return height, width


def resize_image(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """`pixels` (bands, H, W) at `size` (h, w), bilinear with antialiasing, in the same dtype.

    A missing pixel (NaN) doesn't spread: it only has no weight.
    """
    if pixels.shape[1:] == size:
        return pixels
    if pixels.dtype == np.uint8:
        bands = [np.asarray(_resized(Image.fromarray(band), size)) for band in pixels]
        return np.stack(bands)
    resized = np.stack([_resized_float(band, size) for band in pixels.astype(np.float32)])
    if pixels.dtype.kind == "f":
        return resized
    limits = np.iinfo(pixels.dtype)
    return np.rint(resized).clip(limits.min, limits.max).astype(pixels.dtype)


def resize_mask(mask: NDArray[np.uint16], size: tuple[int, int]) -> NDArray[np.uint16]:
    """A mask (H, W) at `size` (h, w); each pixel takes the nearest one's class."""
    if mask.shape == size:
        return mask
    # By indices: Pillow would take 16 bits through 32.
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(size, mask.shape, strict=True)
    )
    return np.ascontiguousarray(mask[rows[:, None], columns])


def _resized_float(band: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    missing = np.isnan(band)
    if not missing.any():
        return np.asarray(_resized(Image.fromarray(band), size))
    filled = np.where(missing, np.float32(0), band)
    sums = np.asarray(_resized(Image.fromarray(filled), size))
    weights = np.asarray(_resized(Image.fromarray((~missing).astype(np.float32)), size))
    resized = np.full(size, np.nan, np.float32)
    np.divide(sums, weights, out=resized, where=weights >= HALF)
    return resized


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
