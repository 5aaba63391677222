"""Reading around damaged parts of a file: what is lost is no more than the file's own pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.preprocessing.components import Preprocessing
from spectile.data.scene import Scene, UnreadableError


class SalvagingReader:
    """Reads a scene and gives 0 for what can't be read, which it remembers."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.damage: list[UnreadableError] = []
        """One for each piece of the file that couldn't be read so far."""

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of the pieces that the file is stored in."""
        return self._scene.reader.block

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` as (bands, height, width)."""
        try:
            return self._scene.read(window, bands)
        except UnreadableError as error:
            axis, halves = _halves(window, self.block)
            if not halves:
                piece = self._piece(window)
                self.damage.append(UnreadableError(error.source, piece, error.reason))
                return np.zeros((len(bands), window.height, window.width), self._scene.dtype)
            return np.concatenate([self.read(half, bands) for half in halves], axis=axis)

    def _piece(self, window: Window) -> Window:
        """The piece of the file around `window`, which lies in one, and is lost with it."""
        if self.block == (1, 1):
            return window
        height, width = self.block
        top, left = window.row_off // height * height, window.col_off // width * width
        bottom, right = min(top + height, self._scene.height), min(left + width, self._scene.width)
        return Window(left, top, right - left, bottom - top)

    def close(self) -> None:
        """Let go of the file."""
        self._scene.reader.close()


def read_around_damage(
    preprocessing: Preprocessing, scene: Scene, window: Window, halo: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], tuple[UnreadableError, ...]]:
    """What :meth:`Preprocessing.read` gives, and what couldn't be read.

    A pixel with anything unreadable less than `halo` + 1 pixels away holds no valid data.
    """
    reader = SalvagingReader(scene)
    components, valid = preprocessing.read(replace(scene, reader=reader), window, halo)
    for error in reader.damage:
        lost = error.window
        top = max(0, lost.row_off - window.row_off - halo)
        left = max(0, lost.col_off - window.col_off - halo)
        bottom = max(0, lost.row_off - window.row_off + lost.height + halo)
        right = max(0, lost.col_off - window.col_off + lost.width + halo)
        valid[top:bottom, left:right] = False
    return components, valid, tuple(reader.damage)


def _halves(window: Window, block: tuple[int, int]) -> tuple[int, list[Window]]:
    """`window` cut in two between pieces of the file, and the axis of (bands, rows, columns).

    None where it lies in a single piece, or where the file has no pieces.
    """
    if block == (1, 1):
        return 0, []
    row_cut = _middle_border(window.row_off, window.height, block[0])
    column_cut = _middle_border(window.col_off, window.width, block[1])
    if row_cut and (not column_cut or window.height // block[0] >= window.width // block[1]):
        return 1, [
            Window(window.col_off, window.row_off, window.width, row_cut),
            Window(window.col_off, window.row_off + row_cut, window.width, window.height - row_cut),
        ]
    if column_cut:
        return 2, [
            Window(window.col_off, window.row_off, column_cut, window.height),
            Window(
                window.col_off + column_cut,
                window.row_off,
                window.width - column_cut,
                window.height,
            ),
        ]
    return 0, []


def _middle_border(start: int, length: int, piece: int) -> int:
    """How far behind `start` the border between pieces lies that is nearest to the middle; 0: none.

    Pieces are `piece` pixels long, and `start` is counted from the beginning of the first.
    """
    first = start // piece + 1
    last = (start + length - 1) // piece
    if first > last:
        return 0
    middle = round((start + length / 2) / piece)
    return min(max(middle, first), last) * piece - start
