"""How a window's tensor lies in the tensor that all windows share.

In the network a tensor belongs to one window and has axes such as (1, channels, h, w). In the scene
the same numbers lie in one tensor (rows, columns, parts ...), and the window of pixel p holds the
cut of it that begins at p: `extent` values a step of `step` pixels apart. Axes are products of
parts; reshaping and permuting move parts about and leave the shared tensor as it is.

Where a layer pads its window, the outermost rows and columns of what it gives are the window's own.
They are its border, which the shared tensor doesn't hold; a later cut to the middle may drop it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

AxisKind = Literal["plain", "rows", "columns", "spread"]
DIRECTIONS: tuple[AxisKind, AxisKind] = ("rows", "columns")
"""The shared tensor's first two axes."""


@dataclass(frozen=True, eq=False)
class Part:
    """A factor, above 1, of an axis.

    A plain part is an axis of the shared tensor; rows and columns are the window's extent in
    space; a spread part repeats a number that is there once.
    """

    size: int
    kind: AxisKind = "plain"

    @property
    def in_space(self) -> bool:
        """It is the window's extent, and not stored for each window."""
        return self.kind in DIRECTIONS

    @property
    def direction(self) -> int:
        """0 for a part in space along rows, 1 along columns."""
        return DIRECTIONS.index(self.kind)


Axis = tuple[Part, ...]
Border = tuple[int, int]
"""Places before and behind those that windows share."""
NONE: Border = (0, 0)


def axis_of(size: int, kind: AxisKind = "plain") -> Axis:
    """An axis of one part, or of none if its length is 1."""
    return (Part(size, kind),) if size > 1 else ()


def length(axis: Axis) -> int:
    """Numbers along an axis."""
    return math.prod(part.size for part in axis)


def is_plain(axis: Axis) -> bool:
    """All its parts are axes of the shared tensor."""
    return all(part.kind == "plain" for part in axis)


@dataclass(frozen=True)
class Layout:
    """Axes of one window's tensor, and where their parts lie in the shared one."""

    axes: tuple[Axis, ...]
    stored: Axis
    """The plain parts in the order of the shared tensor's axes, after rows and columns."""
    steps: tuple[int, int] = (1, 1)
    """Pixels from one of the window's rows, or columns, to the next."""
    extents: tuple[int, int] = (1, 1)
    """Rows and columns of a window that are stored: its part without the border."""
    borders: tuple[Border, Border] = (NONE, NONE)
    """Of rows and of columns."""

    @classmethod
    def of_input(cls, bands: int, window: tuple[int, int]) -> Self:
        """Windows (1, bands, h, w) in a scene (rows, columns, bands)."""
        band = axis_of(bands)
        space = map(axis_of, window, DIRECTIONS)
        return cls(((), band, *space), band, extents=window)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one window's tensor."""
        return tuple(map(length, self.axes))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the shared tensor's axes after rows and columns."""
        return tuple(part.size for part in self.stored)

    @property
    def parts(self) -> Axis:
        """Of all axes, in order."""
        return tuple(part for axis in self.axes for part in axis)

    @property
    def in_space(self) -> frozenset[AxisKind]:
        """The directions in which a window of it extends."""
        return frozenset(part.kind for part in self.parts if part.in_space)

    @property
    def window_size(self) -> int:
        """Places of a window in space."""
        return math.prod(part.size for part in self.parts if part.in_space)

    def is_whole(self, parts: Sequence[Part] | None = None) -> bool:
        """None of `parts`, or of all, has a border."""
        return all(
            self.borders[part.direction] == NONE
            for part in (self.parts if parts is None else parts)
            if part.in_space
        )

    def places(self, parts: Sequence[Part]) -> list[int]:
        """The axes of the shared tensor that plain parts, and those in space, lie along."""
        return [part.direction if part.in_space else 2 + self.stored.index(part) for part in parts]

    def permuted(self, order: Sequence[int]) -> Layout:
        """These axes in this order; what is left out has length 1."""
        return replace(self, axes=tuple(self.axes[axis] for axis in order))

    def reshaped(self, shape: Sequence[int]) -> Layout | None:
        """None where a row or column of windows would be cut in two."""
        waiting = list(self.parts)
        stored = list(self.stored)
        axes = []
        for size in shape:
            axis = []
            while size > 1:
                part = waiting.pop(0)
                if size % part.size:
                    if part.size % size or part.in_space:
                        return None
                    first, rest = Part(size, part.kind), Part(part.size // size, part.kind)
                    if part.kind == "plain":
                        place = stored.index(part)
                        stored[place : place + 1] = [first, rest]
                    waiting.insert(0, rest)
                    part = first
                axis.append(part)
                size //= part.size
            axes.append(tuple(axis))
        return replace(self, axes=tuple(axes), stored=tuple(stored))

    def with_rank(self, rank: int) -> Layout:
        """More axes of length 1 in front."""
        return replace(self, axes=((),) * (rank - len(self.axes)) + self.axes)

    def expanded(self, shape: Sequence[int]) -> Layout:
        """Axes of length 1 repeated, and new ones in front: parts that are stored nowhere."""
        layout = self.with_rank(len(shape))
        axes = [
            axis if length(axis) == size else (Part(size, "spread"),)
            for axis, size in zip(layout.axes, shape, strict=True)
        ]
        return replace(layout, axes=tuple(axes))

    def with_axis(self, place: int, axis: Axis) -> Layout:
        """Another axis at a place; its plain parts are stored last."""
        kept = [part for part in self.stored if part not in self.axes[place]]
        new = [part for part in axis if part.kind == "plain"]
        axes = (*self.axes[:place], axis, *self.axes[place + 1 :])
        return replace(self, axes=axes, stored=(*kept, *new))

    def resized(self, place: int, size: int) -> Layout:
        """Another size of an axis of one plain part, which is stored where it was."""
        (part,) = self.axes[place]
        axis, at = axis_of(size), self.stored.index(part)
        stored = (*self.stored[:at], *axis, *self.stored[at + 1 :])
        return replace(self.with_axis(place, axis), stored=stored)

    def sampled(self, place: int, size: int, step: int, border: Border = NONE) -> Layout:
        """An axis in space with `size` values, `step` pixels apart, some in the border."""
        (part,) = self.axes[place]
        layout = self.with_axis(place, axis_of(size, part.kind))
        return layout._extending(part.direction, size, step, border)

    def padded(self, place: int, before: int, after: int) -> Layout:
        """An axis in space with a wider border."""
        (part,) = self.axes[place]
        border = self.borders[part.direction]
        wider = (border[0] + before, border[1] + after)
        return self.sampled(place, part.size + before + after, self.steps[part.direction], wider)

    def bordered(self, direction: int, border: Border) -> Layout:
        """The same window with another border."""
        size = self.extents[direction] + sum(self.borders[direction])
        return self._extending(direction, size, self.steps[direction], border)

    def reduced(self, parts: Sequence[Part]) -> Layout:
        """Without `parts`, over which was summed or the like."""
        axes = tuple(tuple(part for part in axis if part not in parts) for axis in self.axes)
        stored = tuple(part for part in self.stored if part not in parts)
        layout = replace(self, axes=axes, stored=stored)
        for part in parts:
            if part.in_space:
                layout = layout._extending(part.direction, 1, 1, NONE)
        return layout

    def _extending(self, direction: int, size: int, step: int, border: Border) -> Layout:
        steps, extents, borders = list(self.steps), list(self.extents), list(self.borders)
        extent = size - sum(border)
        steps[direction], extents[direction] = (step if extent > 1 else 1), extent
        borders[direction] = border
        return replace(
            self,
            steps=(steps[0], steps[1]),
            extents=(extents[0], extents[1]),
            borders=(borders[0], borders[1]),
        )


def slid(
    size: int, border: Border, taps: int, stride: int, padding: int, dilation: int
) -> tuple[int, Border] | None:
    """Places that a sliding kernel gives, and those of them that see the border or padding.

    None where all of them do.
    """
    reach = (taps - 1) * dilation
    outputs = (size + 2 * padding - reach - 1) // stride + 1
    first = -(-(border[0] + padding) // stride)
    last = (size - border[1] - 1 - reach + padding) // stride
    return (outputs, (first, outputs - 1 - last)) if first <= last else None


def refined(layouts: Sequence[Layout]) -> list[Layout] | None:
    """The same tensors with at most one part an axis, alike cut where they broadcast.

    All have the same number of axes. None where the axes can't be cut alike.
    """
    shape: list[int] = []
    cuts: list[list[int]] = []
    for axes in zip(*(layout.axes for layout in layouts), strict=True):
        size = max(map(length, axes))
        edges = {1, size}
        for axis in axes:
            reached = 1
            # From the last part on, as steps in memory are counted.
            for part in reversed(axis):
                reached *= part.size
                edges.add(reached)
        steps = sorted(edges)
        if any(upper % lower for lower, upper in itertools.pairwise(steps)):
            return None
        sizes = [upper // lower for lower, upper in itertools.pairwise(steps)]
        cuts.append(sizes[::-1])
        shape += sizes[::-1]
    result = []
    for layout in layouts:
        wanted = []
        for axis, sizes in zip(layout.axes, cuts, strict=True):
            wanted += sizes if length(axis) > 1 else [1] * len(sizes)
        cut = layout.reshaped(wanted)
        if cut is None:
            return None
        result.append(cut)
    return result
