"""Overlapping windows over a scene, and smooth weights that add up to 1 at every pixel.

A network that classifies every pixel of an image knows less of a pixel at its border than of one in
the middle. The scene is cut into even cores; a window is a core grown by an overlap on all sides.
Half of the overlap is only seen, never used: a network that looks no further around a pixel gives
the same numbers in windows as on the whole scene. Within the other half on both sides of a core's
edge one window fades into the next by a raised cosine (the Hann window of overlap-add: Allen and
Rabiner, "A unified approach to short-time Fourier analysis and synthesis", Proceedings of the IEEE
65, 1977).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.mapping.tiles import even_steps

OVERLAP = 8
"""The part of a window's edge by which it is grown on each side: 1/8, so cores have 3/4."""


@dataclass(frozen=True)
class WindowedAxis:
    """The rows of a scene, or its columns, in windows."""

    starts: tuple[int, ...]
    """Where the cores begin."""
    length: int
    """Of the scene."""
    edge: int
    """Of a window, unless the scene is smaller."""

    @classmethod
    def cut(cls, length: int, edge: int) -> WindowedAxis:
        """The fewest even cores that lie in windows of `edge` pixels with an overlap around."""
        if length <= edge:
            return cls((0,), length, edge)
        starts = tuple(start for start, _ in even_steps(length, edge - 2 * (edge // OVERLAP)))
        return cls(starts, length, edge)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def fade(self) -> int:
        """How far on each side of a core's edge two windows count."""
        return self.edge // OVERLAP // 2

    def core(self, number: int) -> tuple[int, int]:
        """The first pixel of a core, and the one after its last."""
        return self.starts[number], (*self.starts, self.length)[number + 1]

    def window(self, number: int) -> tuple[int, int]:
        """The first pixel of a window, and the one after its last.

        All are of one size, for a network's numbers depend on the size of what it is given: at the
        scene's border a window reaches further in.
        """
        start, stop = self.core(number)
        size = min(self.edge, self.length)
        first = min(max(0, (start + stop - size) // 2), self.length - size)
        return first, first + size

    def core_of(self, pixel: int) -> int:
        """The core that a pixel lies in."""
        return bisect.bisect_right(self.starts, pixel) - 1

    def reaching(self, start: int, stop: int) -> range:
        """The windows that count for a pixel from `start` to before `stop`."""
        first = self.core_of(max(0, start - self.fade))
        last = self.core_of(min(self.length, stop + self.fade) - 1)
        return range(first, last + 1)

    def weights(self, number: int) -> NDArray[np.float64]:
        """How much a window counts at each of its pixels."""
        first, beyond = self.window(number)
        pixels = np.arange(first, beyond)
        start, stop = self.core(number)
        weights = np.ones(len(pixels))
        if number > 0:
            weights *= self._rising(pixels - start)
        if number < len(self) - 1:
            # Not a fall of its own: so both add up to 1 without rounding.
            weights *= 1 - self._rising(pixels - stop)
        return weights

    def _rising(self, beyond: NDArray[np.int64]) -> NDArray[np.float64]:
        """From 0 to 1 around the edge of a core, by how many pixels one lies beyond it."""
        share = np.clip((beyond + self.fade + 0.5) / max(1, 2 * self.fade), 0, 1)
        # Without room to fade, the core's edge itself.
        return np.sin(np.pi / 2 * share) ** 2 if self.fade else (beyond >= 0).astype(np.float64)


@dataclass(frozen=True)
class BlendedWindows:
    """The windows of a scene, numbered row by row."""

    rows: WindowedAxis
    columns: WindowedAxis

    @classmethod
    def over(cls, height: int, width: int, edge: int) -> BlendedWindows:
        """Windows of `edge` pixels a side over a scene of `height` x `width` pixels."""
        return cls(WindowedAxis.cut(height, edge), WindowedAxis.cut(width, edge))

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    @property
    def overlap(self) -> int:
        """How far a window reaches beyond its core at least, in pixels."""
        return self.rows.edge // OVERLAP

    def cores(self) -> Iterator[Window]:
        """The parts of the scene of which each is in the middle of one window."""
        for row in range(len(self.rows)):
            for column in range(len(self.columns)):
                yield _window(self.rows.core(row), self.columns.core(column))

    def place(self, number: int) -> tuple[int, int]:
        """The row and the column of a window among the windows."""
        return divmod(number, len(self.columns))

    def window(self, number: int) -> Window:
        """The pixels of the scene that a window covers."""
        row, column = self.place(number)
        return _window(self.rows.window(row), self.columns.window(column))

    def core_of(self, tile: Window) -> int:
        """The number of the window around the core that `tile` lies in."""
        row, column = self.rows.core_of(tile.row_off), self.columns.core_of(tile.col_off)
        return row * len(self.columns) + column

    def reaching(self, tile: Window) -> list[int]:
        """The numbers of the windows that count for a pixel of `tile`, in ascending order."""
        rows = self.rows.reaching(tile.row_off, tile.row_off + tile.height)
        columns = self.columns.reaching(tile.col_off, tile.col_off + tile.width)
        return [row * len(self.columns) + column for row in rows for column in columns]

    def shared(self, number: int, tile: Window) -> WindowInTile:
        """What a window and a `tile` that it reaches have in common."""
        row, column = self.place(number)
        down = _common(self.rows, row, tile.row_off, tile.height)
        across = _common(self.columns, column, tile.col_off, tile.width)
        return WindowInTile(
            in_window=(down.in_window, across.in_window),
            in_tile=(down.in_tile, across.in_tile),
            weights=down.weights[:, None] * across.weights,
        )


@dataclass(frozen=True)
class WindowInTile:
    """Pixels that lie in a window and in a tile, h rows of w."""

    in_window: tuple[slice, slice]
    in_tile: tuple[slice, slice]
    weights: NDArray[np.float64]
    """(h, w): how much the window counts there."""


@dataclass(frozen=True)
class _Stretch:
    in_window: slice
    in_tile: slice
    weights: NDArray[np.float64]


def _common(axis: WindowedAxis, number: int, first: int, length: int) -> _Stretch:
    start, stop = axis.window(number)
    start_of_both, stop_of_both = max(start, first), min(stop, first + length)
    in_window = slice(start_of_both - start, stop_of_both - start)
    in_tile = slice(start_of_both - first, stop_of_both - first)
    return _Stretch(in_window, in_tile, axis.weights(number)[in_window])


def _window(rows: tuple[int, int], columns: tuple[int, int]) -> Window:
    return Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])
