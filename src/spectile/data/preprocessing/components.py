"""A scene as a network sees it: usable bands reduced to components, padded at the borders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.choices import Padding
from spectile.data.preprocessing.reducers import LARGEST, Reducer
from spectile.data.scene import Scene
from spectile.errors import InputError

TILE = 256
"""Edge of the squares in which scattered pixels are read, in pixels."""


@dataclass(frozen=True)
class Preprocessing:
    """All that happens to a scene before the network: part of the model file."""

    bands: tuple[int, ...]
    """The bands used, counted from 0, in the order of the reducer."""
    reducer: Reducer
    padding: Padding
    """What lies beyond the scene's border: its reflection, or zero components."""

    def read(
        self, scene: Scene, window: Window, halo: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The components of `window` with `halo` pixels around it, and where data are valid.

        Shapes (components, h + 2 halo, w + 2 halo) and (h, w). The scene must be at least
        halo + 1 pixels high and wide.
        """
        top, left = max(0, window.row_off - halo), max(0, window.col_off - halo)
        bottom = min(scene.height, window.row_off + window.height + halo)
        right = min(scene.width, window.col_off + window.width + halo)
        pixels = scene.read(Window(left, top, right - left, bottom - top), self.bands)
        valid = scene.valid(pixels)
        _check_extremes(scene, pixels, valid)
        components = self.reducer.apply(pixels, valid)
        missing = (
            (top - (window.row_off - halo), window.row_off + window.height + halo - bottom),
            (left - (window.col_off - halo), window.col_off + window.width + halo - right),
        )
        if any(side for axis in missing for side in axis):
            mode: Any = "reflect" if self.padding == "reflect" else "constant"
            components = np.pad(components, ((0, 0), *missing), mode=mode)
        row, column = window.row_off - top, window.col_off - left
        inside = valid[row : row + window.height, column : column + window.width]
        return np.ascontiguousarray(components), inside


def _check_extremes(scene: Scene, pixels: NDArray[Any], valid: NDArray[np.bool_]) -> None:
    """Raise InputError for valid pixels (bands, H, W) that float32 can't be computed with."""
    # Nearly always this decides, and needs no copy; NaN is within no bounds.
    if pixels.dtype.kind != "f" or (pixels.min() >= -LARGEST and pixels.max() <= LARGEST):
        return
    largest = np.abs(pixels).max(axis=0)[valid].max(initial=0)
    if largest > LARGEST:
        raise InputError(
            f"{scene.source} holds values as large as {largest:.3g}, and float32 ends near "
            f"{LARGEST:g}: scale the scene, or name the value as its nodata."
        )


def tiles_holding(
    rows: NDArray[np.int64], columns: NDArray[np.int64], height: int, width: int, edge: int
) -> Iterator[tuple[Window, NDArray[np.int64]]]:
    """The squares of a grid that hold pixels, each with the indices of its pixels."""
    across = -(-width // edge)
    tile_of = (rows // edge) * across + columns // edge
    order = np.argsort(tile_of, kind="stable")
    starts = np.flatnonzero(np.diff(tile_of[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        if not len(members):
            continue
        top, left = divmod(int(tile_of[members[0]]), across)
        yield (
            Window(
                left * edge,
                top * edge,
                min(edge, width - left * edge),
                min(edge, height - top * edge),
            ),
            members,
        )


def read_spectra(
    scene: Scene, rows: NDArray[np.int64], columns: NDArray[np.int64], bands: tuple[int, ...]
) -> NDArray[Any]:
    """The spectra (pixels, bands) at the given places, reading only the squares they lie in."""
    spectra = np.empty((len(rows), len(bands)), scene.dtype)
    for window, members in tiles_holding(rows, columns, scene.height, scene.width, TILE):
        pixels = scene.read(window, bands)
        spectra[members] = pixels[
            :, rows[members] - window.row_off, columns[members] - window.col_off
        ].T
    return spectra
