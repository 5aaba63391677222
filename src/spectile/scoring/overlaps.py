"""How much found objects overlap true ones, by their masks or by their boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectile.data.instances.objects import Objects


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The D objects found in an image against the G true ones, of which P pairs meet."""

    found: NDArray[np.intp]
    truth: NDArray[np.intp]
    """The places of the two objects of each pair, in the order of found ones, then of true ones;
    shape (P,)."""
    ratio: NDArray[np.float64]
    """Intersection over union; of an ignored true object, over the found one's area; shape (P,)."""
    found_areas: NDArray[np.float64]
    """Of masks or of boxes, as they were compared; shape (D,)."""
    true_pixels: NDArray[np.float64]
    """Of masks in any case, for COCO's sizes are theirs; shape (G,)."""


def mask_overlaps(truth: Objects, found: Objects) -> Overlaps:
    """By the pixels of masks."""
    pairs = _meeting(truth, found)
    shared = np.array([_shared_pixels(found, truth, *pair) for pair in pairs.tolist()], np.float64)
    pixels = _mask_areas(truth)
    return _overlaps(truth, pairs, shared, _mask_areas(found), pixels, pixels)


def box_overlaps(truth: Objects, found: Objects) -> Overlaps:
    """By boxes."""
    pairs = _meeting(truth, found)
    ours, theirs = found.boxes[pairs[:, 0]], truth.boxes[pairs[:, 1]]
    starts, ends = np.maximum(ours[:, :2], theirs[:, :2]), np.minimum(ours[:, 2:], theirs[:, 2:])
    shared = (ends - starts).prod(axis=1).astype(np.float64)
    areas = _box_areas(found), _box_areas(truth)
    return _overlaps(truth, pairs, shared, *areas, _mask_areas(truth))


def _overlaps(
    truth: Objects,
    pairs: NDArray[np.intp],
    shared: NDArray[np.float64],
    found_areas: NDArray[np.float64],
    true_areas: NDArray[np.float64],
    true_pixels: NDArray[np.float64],
) -> Overlaps:
    ours, theirs = pairs.T
    union = found_areas[ours] + np.where(truth.ignored[theirs], 0, true_areas[theirs] - shared)
    # An object without a pixel shares none.
    ratio: NDArray[np.float64] = shared / np.maximum(union, 1)
    return Overlaps(ours, theirs, ratio, found_areas, true_pixels)


def _meeting(truth: Objects, found: Objects) -> NDArray[np.intp]:
    """Places of found and true objects whose boxes share a pixel; shape (P, 2)."""
    left, top, right, bottom = found.boxes.T[:, :, None]
    west, north, east, south = truth.boxes.T
    meet: NDArray[np.bool_] = (left < east) & (west < right) & (top < south) & (north < bottom)
    return np.argwhere(meet)


def _shared_pixels(found: Objects, truth: Objects, ours: int, theirs: int) -> int:
    left, top, right, bottom = found.boxes[ours].tolist()
    west, north, east, south = truth.boxes[theirs].tolist()
    first, start, last, end = max(top, north), max(left, west), min(bottom, south), min(right, east)
    one = found.masks[ours][first - top : last - top, start - left : end - left]
    other = truth.masks[theirs][first - north : last - north, start - west : end - west]
    return int(np.count_nonzero(one & other))


def _mask_areas(objects: Objects) -> NDArray[np.float64]:
    return np.array([np.count_nonzero(mask) for mask in objects.masks], np.float64)


def _box_areas(objects: Objects) -> NDArray[np.float64]:
    areas: NDArray[np.int64] = (objects.boxes[:, 2:] - objects.boxes[:, :2]).prod(axis=1)
    return areas.astype(np.float64)
