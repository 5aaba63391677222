"""The windows that a scene's objects are looked for in, and which of them sees an object best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rasterio.windows import Window

from spectile.mapping.instances.pieces import Box
from spectile.mapping.pixels.blended_windows import BlendedWindows, WindowedAxis

FAR = 2**31
"""The distance to a window's border where that is the scene's own: nothing is cut there."""
CUT, EVEN = 64, 32
"""Parts of a window's edge: nearer to its border an object may be cut, and distances that differ
by less are as good as one. Boxes that a network draws end a few pixels beside the objects."""


@dataclass(frozen=True)
class ObjectWindows:
    """The windows of a scene, numbered row by row, each sharing a quarter with the next.

    All are of the size that the network was trained on, for what it says depends on the size of
    what it is shown.
    """

    grid: BlendedWindows

    @classmethod
    def over(cls, height: int, width: int, edge: int) -> ObjectWindows:
        """Windows of `edge` pixels a side over a scene of `height` x `width` pixels."""
        return cls(BlendedWindows.over(height, width, edge))

    def __len__(self) -> int:
        return len(self.grid)

    @property
    def edge(self) -> int:
        """Of a window in pixels, unless the scene is smaller."""
        return self.grid.rows.edge

    @property
    def cut(self) -> int:
        """Objects at most so far from a window's border may go on beyond it."""
        return max(1, self.edge // CUT)

    def window(self, number: int) -> Window:
        """The pixels of the scene that a window covers."""
        return self.grid.window(number)

    def box(self, number: int) -> Box:
        """The same as left, top, right and bottom."""
        window = self.window(number)
        left, top = window.col_off, window.row_off
        return left, top, left + window.width, top + window.height

    def distance(self, number: int, box: Box) -> int:
        """How far a box in a window is from those of its borders that lie inside of the scene."""
        row, column = self.grid.place(number)
        down = _distance(self.grid.rows, row, box[1], box[3])
        across = _distance(self.grid.columns, column, box[0], box[2])
        return min(down, across)

    def is_best_seen(self, number: int, box: Box) -> bool:
        """Whether no other window has all of `box` clearly further from its borders.

        The word of the other one counts then, also where it finds nothing: so an object that is
        doubtful isn't asked for twice.
        """
        down = _best(self.grid.rows, box[1], box[3])
        across = _best(self.grid.columns, box[0], box[2])
        return min(down, across) <= self.distance(number, box) + max(1, self.edge // EVEN)

    def neighbours(self, number: int) -> Iterator[int]:
        """The windows that share pixels with one, itself among them, in ascending order."""
        row, column = self.grid.place(number)
        columns = _sharing(self.grid.columns, column)
        for above in _sharing(self.grid.rows, row):
            for beside in columns:
                yield above * len(self.grid.columns) + beside

    def first_needed(self, number: int) -> int:
        """The lowest number among the neighbours of this window and of all later ones."""
        row, _ = self.grid.place(number)
        return min(_sharing(self.grid.rows, row)) * len(self.grid.columns)


def _distance(axis: WindowedAxis, number: int, start: int, stop: int) -> int:
    first, beyond = axis.window(number)
    before = start - first if first > 0 else FAR
    behind = beyond - stop if beyond < axis.length else FAR
    return min(before, behind)


def _best(axis: WindowedAxis, start: int, stop: int) -> int:
    """The distance in the window that has a stretch furthest from its borders; -1 without any."""
    likely = {axis.core_of(start), axis.core_of(stop - 1)}
    around = range(max(0, min(likely) - 1), min(len(axis), max(likely) + 2))
    return max(
        (
            _distance(axis, number, start, stop)
            for number in around
            if axis.window(number)[0] <= start and stop <= axis.window(number)[1]
        ),
        default=-1,
    )


def _sharing(axis: WindowedAxis, number: int) -> list[int]:
    """The windows that share pixels with one, itself among them."""
    first, beyond = axis.window(number)
    near = range(max(0, number - 3), min(len(axis), number + 4))
    return [n for n in near if axis.window(n)[0] < beyond and first < axis.window(n)[1]]
