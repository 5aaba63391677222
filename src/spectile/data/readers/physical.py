"""Reading what a file's numbers stand for: scaled, and NaN where the file marks no data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.readers.scaling import Scaling
from spectile.data.scene import Reader, Scene, as_stored

Shown = Callable[[Window, Sequence[int]], NDArray[np.bool_]]
"""Which pixels of a window a mask shows, for the given bands: (h, w) or (bands, h, w)."""


@dataclass(frozen=True, eq=False)
class PhysicalReader:
    """Reads another reader's numbers as values."""

    numbers: Reader
    dtype: np.dtype[Any]
    """Of the values: a float."""
    scaling: Scaling | None
    nodata: tuple[float | None, ...]
    """The number for no data in each band."""
    shown: Shown | None

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of the pieces that the file is stored in."""
        return self.numbers.block

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The values of `window` in `bands` as (bands, height, width)."""
        chosen = list(bands)
        stored = self.numbers.read(window, chosen)
        values = np.empty(stored.shape, self.dtype)
        for place, (band, numbers) in enumerate(zip(chosen, stored, strict=True)):
            if self.scaling is None:
                values[place] = numbers
            else:
                # In doubles, for a value must not depend on how it is stored.
                exact = numbers * self.scaling.factors[band] + self.scaling.offsets[band]
                with np.errstate(over="ignore"):
                    values[place] = exact
            missing = as_stored(self.nodata[band], numbers.dtype)
            if missing is not None:
                values[place][numbers == missing] = np.nan
        if self.shown is not None:
            hidden = ~self.shown(window, chosen)
            values[np.broadcast_to(hidden, values.shape)] = np.nan
        return values

    def close(self) -> None:
        """Let go of the file."""
        self.numbers.close()


def in_values(
    scene: Scene,
    *,
    scaling: Scaling | None,
    nodata: Sequence[float | None],
    shown: Shown | None = None,
) -> Scene:
    """`scene`, whose reader gives stored numbers, as a scene of values.

    Where there is a scale, a mask or a nodata number of its own for a band, the scene gives floats
    with NaN for what is no data. Where there is none of it, it is the scene itself, which is read
    as fast as it is stored, with the one number for no data.
    """
    different = {repr(value) for value in nodata}
    one = nodata[0] if len(different) == 1 else None
    if scaling is None and shown is None and len(different) <= 1:
        return replace(scene, nodata=one)
    unscaled = None
    if scaling is not None:
        unscaled = in_values(scene, scaling=None, nodata=nodata, shown=shown)
    dtype = _exact_float(scene.dtype) if scaling is None else _float(scene.dtype)
    return replace(
        scene,
        dtype=dtype,
        stored_dtype=scene.dtype,
        nodata=one,
        gaps_are_nan=True,
        scaling=scaling,
        unscaled=unscaled,
        masked=shown is not None,
        reader=PhysicalReader(scene.reader, dtype, scaling, tuple(nodata), shown),
    )


def _float(stored: np.dtype[Any]) -> np.dtype[Any]:
    """What scaled values are kept in: float32, but where the numbers are doubles already."""
    return np.dtype(np.float64 if stored == np.float64 else np.float32)


def _exact_float(stored: np.dtype[Any]) -> np.dtype[Any]:
    """The smaller float that holds every number of a type up to 32 bits."""
    small = stored.itemsize <= 2 or stored == np.float32
    return np.dtype(np.float32 if small else np.float64)
