"""In which order blended windows are computed and added to tiles, and which of them are kept.

The reading thread is a window ahead of the network, so what will be kept is settled beforehand, by
the same rule for the windows' numbers as for the windows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from rasterio.windows import Window

from spectile.mapping.pixels.blended_windows import BlendedWindows
from spectile.mapping.window_mapper import Tile

Content = TypeVar("Content")


class KeptWindows(Generic[Content]):
    """Keeps something of windows as long as tiles to come, row by row in a swath, need it."""

    def __init__(self, windows: BlendedWindows, most: int) -> None:
        """At `most` so many are kept."""
        self._windows = windows
        self._most = most
        self._kept: dict[int, Content] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._kept

    def __getitem__(self, number: int) -> Content:
        return self._kept[number]

    def put(self, number: int, content: Content, tile: Window) -> None:
        """Keep `content` while `tile` is made, unless all is full of what is needed earlier."""
        if len(self._kept) >= self._most:
            core = self._windows.core_of(tile)
            behind = next((other for other in self._kept if self._is_behind(other, core)), None)
            if behind is None:
                return
            del self._kept[behind]
        self._kept[number] = content

    def _is_behind(self, number: int, core: int) -> bool:
        """Whether a window lies above the rows that are still to come, or in the last swath."""
        row, column = self._windows.place(number)
        core_row, core_column = self._windows.place(core)
        above = (row, column) < (core_row - 1, core_column - 1)
        return above or row > core_row + 1


@dataclass(frozen=True)
class WindowStep:
    """A window that is to be added to a tile."""

    tile: Tile
    number: int
    """Of the window."""
    fresh: bool
    """Whether the window has to be computed."""
    first: bool
    """Whether it is the first of its tile."""
    last: bool
    """Whether it is the last of its tile."""


def steps(windows: BlendedWindows, tiles: Iterable[Tile], most: int) -> Generator[WindowStep]:
    """What to add to one tile after the other, when `most` so many windows are kept."""
    kept = KeptWindows[None](windows, most)
    for tile in tiles:
        numbers = windows.reaching(tile.window)
        for number in numbers:
            fresh = number not in kept
            if fresh:
                kept.put(number, None, tile.window)
            yield WindowStep(tile, number, fresh, number == numbers[0], number == numbers[-1])


def by_fresh_window(steps: Iterable[WindowStep]) -> Generator[list[WindowStep]]:
    """Steps in lists that each begin with a fresh window: so the next of them can be read."""
    some: list[WindowStep] = []
    for step in steps:
        if step.fresh and some:
            yield some
            some = []
        some.append(step)
    if some:
        yield some
