"""Scenes whose pixels are in memory: from notebooks, the demo, and files that can't be mapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from spectile.data.readers.mapped import band_index
from spectile.data.scene import Scene
from spectile.errors import InputError


class ArrayReader:
    """Hands out copies of windows of an array (bands, height, width)."""

    block = (1, 1)

    def __init__(self, pixels: NDArray[Any]) -> None:
        self._pixels = pixels

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` as (bands, height, width)."""
        rows, columns = window.toslices()
        return np.array(self._pixels[:, rows, columns][band_index(bands)], order="C", copy=True)

    def close(self) -> None:
        """Nothing to let go of."""


def scene_from_array(
    pixels: ArrayLike,
    *,
    wavelengths: ArrayLike | None = None,
    crs: CRS | str | int | None = None,
    transform: Affine | None = None,
    nodata: float | None = None,
    source: str = "array",
) -> Scene:
    """A scene of `pixels` (bands, height, width); `wavelengths` in nanometres, one a band.

    `source` is the name that messages and reports give it. The array is not copied. Raises
    InputError where shapes don't fit.
    """
    array = np.asarray(pixels)
    if array.ndim != 3:
        raise InputError(
            f"{source} has {array.ndim} axes: give an array of bands, rows and columns."
        )
    bands, height, width = array.shape
    centres = None if wavelengths is None else np.array(wavelengths, dtype=np.float64)
    if centres is not None and centres.shape != (bands,):
        raise InputError(
            f"{source} has {bands} bands, but {centres.size} wavelengths came with it: "
            "give one a band."
        )
    return Scene(
        source=source,
        format="array",
        height=height,
        width=width,
        bands=bands,
        dtype=array.dtype,
        wavelengths=centres,
        fwhm=None,
        good_bands=np.ones(bands, dtype=np.bool_),
        nodata=nodata,
        crs=None if crs is None else CRS.from_user_input(crs),
        transform=transform,
        reader=ArrayReader(array),
    )
