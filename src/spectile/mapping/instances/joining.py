"""Which of the objects that overlapping windows show are one and the same.

Two windows see the pixels that they share alike, so an object has about the same pixels there in
both. Of two that each show it whole, the one further from its window's border is kept. What is cut
by the borders of all windows, for it is larger than what they share, is put together from pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from spectile.mapping.instances.object_windows import ObjectWindows
from spectile.mapping.instances.pieces import SAME, Piece, common, overlap

Key = tuple[int, int]
"""The number of a window, and the place of a piece among its own."""


@dataclass(frozen=True)
class Joined:
    """What becomes of the pieces: most stand for themselves, and aren't named here."""

    dropped: set[Key] = field(default_factory=set)
    """Shown better by another window."""
    head: dict[Key, Key] = field(default_factory=dict)
    """The first piece of the object that a piece belongs to."""
    last: dict[Key, Key] = field(default_factory=dict)
    """The last piece of an object, by its first one."""


def join(
    windows: ObjectWindows, numbers: Sequence[int], read: Callable[[int], list[Piece]]
) -> Joined:
    """Compare the pieces of overlapping windows, `numbers` in ascending order.

    `read` gives those of a window; it is asked once for each, and those of two or three rows of
    windows are held at a time. In which order windows were searched is without effect.
    """
    joined, near = Joined(), dict[int, list[Piece]]()
    parents: dict[Key, Key] = {}
    for number in numbers:
        near[number] = read(number)
        for gone in [other for other in near if other < windows.first_needed(number)]:
            del near[gone]
        for other in windows.neighbours(number):
            if other >= number or other not in near:
                continue
            for one, another in _same(windows, other, near[other], number, near[number]):
                a, b = near[other][one[1]], near[number][another[1]]
                if is_cut(windows, other, a) and is_cut(windows, number, b):
                    _unite(parents, one, another)
                else:
                    better = _order(windows, one, a) < _order(windows, another, b)
                    joined.dropped.add(another if better else one)
    for key in sorted(parents):
        if key not in joined.dropped:
            first = _first(parents, key)
            # The first of all may be dropped: then the next stands for it.
            head = joined.head.get(first, key)
            joined.head[key] = joined.head[first] = head
            joined.last[head] = key
    return joined


def is_cut(windows: ObjectWindows, number: int, piece: Piece) -> bool:
    """Whether an object may go on beyond the window that shows it."""
    return windows.distance(number, piece.box) <= windows.cut


def _order(windows: ObjectWindows, key: Key, piece: Piece) -> tuple[bool, float, float, Key]:
    """Of two that are the same the lower one is kept: whole, far from a border, sure, early."""
    distance = windows.distance(key[0], piece.box)
    return distance <= windows.cut, -distance, -piece.score, key


def _same(
    windows: ObjectWindows, one: int, earlier: Sequence[Piece], other: int, later: Sequence[Piece]
) -> Iterator[tuple[Key, Key]]:
    """Pairs that are one object in the eyes of two windows."""
    if not earlier or not later:
        return
    zone = common(windows.box(one), windows.box(other))
    boxes = np.array([piece.box for piece in earlier])[:, None], np.array([p.box for p in later])
    meet = (boxes[0][..., :2] < boxes[1][..., 2:]) & (boxes[1][..., :2] < boxes[0][..., 2:])
    for first, second in np.argwhere(meet.all(-1)).tolist():
        a, b = earlier[first], later[second]
        both_cut = is_cut(windows, one, a) and is_cut(windows, other, b)
        if overlap(a, b, zone, of_smaller=both_cut) >= SAME:
            yield (one, first), (other, second)


def _first(parents: dict[Key, Key], key: Key) -> Key:
    while (parent := parents.get(key, key)) != key:
        parents[key] = parents.get(parent, parent)
        key = parent
    return key


def _unite(parents: dict[Key, Key], one: Key, other: Key) -> None:
    first, second = sorted((_first(parents, one), _first(parents, other)))
    parents.setdefault(first, first)
    parents[second] = first
    parents.setdefault(one, first)
    parents.setdefault(other, first)
