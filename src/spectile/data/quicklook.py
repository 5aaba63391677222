"""A small picture of a scene, in true colour where its wavelengths allow."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectile.data.picture_file import write_picture_file
from spectile.data.scene import Scene
from spectile.data.thinned import read_thinned
from spectile.files import check_ending

_RED_GREEN_BLUE = (650.0, 550.0, 450.0)
"""Nanometres."""
_NEAR = 60.0
"""Nanometres within which a band stands for one of these colours; Landsat's are 5 to 32 off."""
_CUT = (2.0, 98.0)
"""Percentiles that become black and full colour."""
_WHITE = 255
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
"""What pictures may end in."""


def quicklook(scene: Scene, *, max_size: int = 1024) -> NDArray[np.uint8]:
    """The scene as red, green, blue (height, width, 3), neither side above `max_size` pixels.

    True colour where bands lie near 650, 550 and 450 nm, else bands spread evenly over the good
    ones. Each is stretched from its 2nd to its 98th percentile; pixels without data are white.
    """
    step = max(1, -(-max(scene.height, scene.width) // max_size))
    pixels = read_thinned(scene, color_bands(scene), step)
    valid = scene.valid(pixels)
    picture = np.full((*valid.shape, 3), _WHITE, dtype=np.uint8)
    if valid.any():
        for channel, band in enumerate(pixels):
            picture[valid, channel] = _stretched(band[valid].astype(np.float64))
    return picture


def write_quicklook(scene: Scene, path: str | os.PathLike[str], *, max_size: int = 1024) -> None:
    """Write :func:`quicklook` as an image file, of the format that the name's end says.

    Raises InputError where that is no image format or the file can't be written.
    """
    name = os.fspath(path)
    check_ending(name, "a picture", PICTURES)
    write_picture_file(Image.fromarray(quicklook(scene, max_size=max_size)), name)


def color_bands(scene: Scene) -> tuple[int, int, int]:
    """The bands (from 0) shown as red, green and blue."""
    good = np.flatnonzero(scene.good_bands)
    if scene.wavelengths is not None:
        apart = np.abs(scene.wavelengths[good] - np.array(_RED_GREEN_BLUE)[:, None])
        if (apart.min(axis=1) <= _NEAR).all():
            red, green, blue = (int(band) for band in good[apart.argmin(axis=1)])
            return red, green, blue
    if len(good) == 3:
        return int(good[0]), int(good[1]), int(good[2])  # a photo: red, green, blue as they lie
    # The longest of the three as red, as in the usual false colours.
    at = (len(good) - 1) * np.array([5, 3, 1]) / 6
    red, green, blue = (int(good[round(position)]) for position in at)
    return red, green, blue


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = np.percentile(values, _CUT)
    if high <= low:
        return np.full(values.shape, 128, dtype=np.uint8)
    shares = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray((shares * 255).round(), dtype=np.uint8)
