"""Pixels that lie uncompressed in a file, read through a memory map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window


class MappedReader:
    """Reads a raw array of any axis order and byte order.

    The map is made anew for every window: mapped pages count as the process's memory until the
    map goes, and a file that shrank in the meantime is noticed instead of ending the process.
    """

    block = (1, 1)

    def __init__(
        self,
        path: Path,
        dtype: np.dtype[Any],
        shape: tuple[int, int, int],
        axes: tuple[int, int, int],
        *,
        offset: int = 0,
        order: Literal["C", "F"] = "C",
    ) -> None:
        """`shape` as stored; `axes` say which of its axes are bands, rows and columns."""
        self._path = path.absolute()  # in another process the folder may be another
        self._dtype = dtype
        self._shape = shape
        self._axes = axes
        self._offset = offset
        self._order = order

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` as (bands, height, width), in native byte order."""
        stored = np.memmap(
            self._path,
            dtype=self._dtype,
            mode="r",
            offset=self._offset,
            shape=self._shape,
            order=self._order,
        )
        rows, columns = window.toslices()
        cut = stored.transpose(self._axes)[:, rows, columns]
        picked = cut[band_index(bands)]
        # A copy, always: what is handed out must not hold on to the map.
        return np.array(picked, dtype=self._dtype.newbyteorder("="), order="C", copy=True)

    def close(self) -> None:
        """Nothing to let go of: no map outlives a read."""


def band_index(bands: Sequence[int]) -> slice | list[int]:
    """Neighbouring bands as a slice, which every library reads far faster than a list."""
    chosen = list(bands)
    if chosen and chosen == list(range(chosen[0], chosen[0] + len(chosen))):
        return slice(chosen[0], chosen[0] + len(chosen))
    return chosen
