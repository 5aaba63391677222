"""What a network finds in one window of a scene: objects, or pieces of larger ones."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.instances.objects import Mask
from spectile.networks.instances.detections import Detections

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the scene, right and bottom not included."""

SAME = 0.5
"""The share of common pixels from which two are one object, as in most scoring of instances."""


@dataclass(frozen=True, eq=False)
class Piece:
    """An object as one window shows it."""

    box: Box
    mask: Mask
    """Which pixels of its box it has, (bottom - top, right - left)."""
    number: int
    """Of its class, from 0."""
    score: float

    @cached_property
    def pixels(self) -> int:
        """How many it has."""
        return int(np.count_nonzero(self.mask))

    def within(self, box: Box) -> Mask:
        """Its mask in the part of `box` that its own box shares; empty where there is none."""
        left, top, right, bottom = common(self.box, box)
        return self.mask[
            top - self.box[1] : max(top, bottom) - self.box[1],
            left - self.box[0] : max(left, right) - self.box[0],
        ]

    def shared_pixels(self, other: Piece) -> int:
        """How many pixels both have."""
        left, top, right, bottom = both = common(self.box, other.box)
        if left >= right or top >= bottom:
            return 0
        return int(np.count_nonzero(self.within(both) & other.within(both)))


def common(one: Box, other: Box) -> Box:
    """What two boxes share; it is empty where its right isn't beyond its left, or so downwards."""
    return (
        max(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )


def overlap(a: Piece, b: Piece, zone: Box | None = None, *, of_smaller: bool = False) -> float:
    """What two share, of all that both have in the `zone`; or of what the smaller one has there."""
    shared = a.shared_pixels(b)
    if not shared:
        return 0.0
    sizes = [int(np.count_nonzero(p.within(zone))) if zone else p.pixels for p in (a, b)]
    return shared / (min(sizes) if of_smaller else sum(sizes) - shared)


def pieces_of(found: Detections, valid: Mask, window: Window, surer_than: float) -> Iterator[Piece]:
    """What was found in a `window` of the scene, where its pixels are `valid` (h, w).

    Objects less sure than `surer_than` are left out, and those of which less than half is valid:
    a gap is no object.
    """
    height, width = valid.shape
    scores = found.scores.double().tolist()
    classes = found.classes.tolist()
    for place, score in enumerate(scores):
        if score < surer_than:
            continue
        top, left, mask = found.mask_of(place, height, width)
        all_of_it = mask.numpy()
        own = all_of_it & valid[top : top + mask.shape[0], left : left + mask.shape[1]]
        kept = np.count_nonzero(own)
        if not kept or 2 * kept < np.count_nonzero(all_of_it):
            continue
        rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        first, last = int(rows[0]), int(rows[-1]) + 1
        start, stop = int(columns[0]), int(columns[-1]) + 1
        across, down = window.col_off + left, window.row_off + top
        box = (across + start, down + first, across + stop, down + last)
        yield Piece(box, np.ascontiguousarray(own[first:last, start:stop]), classes[place], score)


def one_for_each_place(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces of one window, of which no two of different classes are the same pixels.

    A network suppresses class by class; on a map a thing is of one class, its surest. Those of the
    same class are left as the network left them.
    """
    kept: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: -piece.score):
        others = (other for other in kept if other.number != piece.number)
        if not any(overlap(piece, other) >= SAME for other in others):
            kept.append(piece)
    return kept


def packed(pieces: Sequence[Piece]) -> bytes:
    """Pieces as bytes, for the disk and for other processes."""
    file = io.BytesIO()
    bits = [np.packbits(piece.mask) for piece in pieces]
    np.savez_compressed(
        file,
        boxes=np.array([piece.box for piece in pieces], np.int64).reshape(-1, 4),
        classes=np.array([piece.number for piece in pieces], np.int64),
        scores=np.array([piece.score for piece in pieces], np.float64),
        bits=np.concatenate([np.empty(0, np.uint8), *bits]),
    )
    return file.getvalue()


def unpacked(data: bytes) -> list[Piece]:
    """What :func:`packed` was given."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        boxes, classes, scores = (arrays[name] for name in ("boxes", "classes", "scores"))
        bits: NDArray[np.uint8] = arrays["bits"]
    pieces, start = [], 0
    for box, number, score in zip(boxes.tolist(), classes.tolist(), scores.tolist(), strict=True):
        height, width = box[3] - box[1], box[2] - box[0]
        stop = start - (-height * width // 8)
        mask = np.unpackbits(bits[start:stop], count=height * width).astype(np.bool_)
        left, top, right, bottom = box
        pieces.append(Piece((left, top, right, bottom), mask.reshape(height, width), number, score))
        start = stop
    return pieces
