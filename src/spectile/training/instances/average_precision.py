"""Mean average precision of masks while training goes on, as COCO counts it.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014: at ten overlaps from 0.5 to
0.95, objects found are matched to the truth, the surest first; precision, made falling, is averaged
over 101 recalls, classes and overlaps. For choosing an epoch; published scores are of COCO's own
program.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from spectile.data.instances.objects import Mask, Objects
from spectile.networks.instances.detections import Detections

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)

Corner = tuple[int, int] | NDArray[np.int64]
"""Column and row."""


class MaskAveragePrecision(Metric):
    """The mean over `classes` that occur; 0 where none does."""

    full_state_update = False
    found: list[Tensor]
    truths: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.add_state("found", default=[], dist_reduce_fx="cat")
        self.add_state("truths", default=torch.zeros(classes), dist_reduce_fx="sum")

    def update(self, found: Sequence[Detections], truth: Sequence[Objects]) -> None:
        """Add images: what was found in each, and what is there."""
        for one, objects in zip(found, truth, strict=True):
            rows = matched(one, objects)
            self.found.append(torch.from_numpy(rows).float().to(self.truths.device))
            counted = objects.classes[~objects.ignored]
            self.truths += torch.bincount(torch.from_numpy(counted), minlength=len(self.truths)).to(
                self.truths
            )

    def compute(self) -> Tensor:
        """From 0 to 1."""
        parts = self.found if isinstance(self.found, list) else [self.found]
        rows = torch.cat(parts).cpu().numpy() if parts else np.zeros((0, 2 + len(OVERLAPS)))
        truths = self.truths.cpu().numpy()
        scores = [
            precision(rows[rows[:, 1] == name], truths[name]) for name in np.flatnonzero(truths)
        ]
        return torch.tensor(float(np.mean(scores)) if scores else 0.0, device=self.truths.device)


def matched(found: Detections, objects: Objects) -> NDArray[np.float64]:
    """Score, class, then 1 at each overlap where it is a hit, 0 where not, -1 where left out.

    One row for each object found, shape (N, 2 + 10).
    """
    shared = overlaps(found, objects)
    classes = found.classes.cpu().numpy()
    shared[classes[:, None] != objects.classes] = 0
    hits = np.zeros((len(found), len(OVERLAPS)))
    for place, least in enumerate(OVERLAPS):
        free = ~objects.ignored
        for number in range(len(found)):  # the surest first
            open_ones = np.where(free, shared[number], 0)
            best = int(open_ones.argmax()) if len(open_ones) else -1
            if best >= 0 and open_ones[best] >= least:
                hits[number, place], free[best] = 1, False
            elif (np.where(objects.ignored, shared[number], 0) >= least).any():
                hits[number, place] = -1
    scores = found.scores.cpu().double().numpy()
    return np.column_stack([scores, classes, hits])


def overlaps(found: Detections, objects: Objects) -> NDArray[np.float64]:
    """Intersection over union of masks found with those that are there; over the found alone
    where the object is ignored, of which it may be a part. Shape (N, G).
    """
    shared = np.zeros((len(found), len(objects)))
    sizes = np.array([mask.sum() for mask in objects.masks])
    for number in range(len(found)):
        top, left, mask = found.mask_of(number, objects.height, objects.width)
        own = mask.numpy()
        low = np.maximum(objects.boxes[:, :2], (left, top))
        high = np.minimum(objects.boxes[:, 2:], (left + own.shape[1], top + own.shape[0]))
        for place in np.flatnonzero((low < high).all(1)).tolist():
            here = within(own, (left, top), low[place], high[place])
            there = within(objects.masks[place], objects.boxes[place, :2], low[place], high[place])
            both = (here & there).sum()
            union = own.sum() if objects.ignored[place] else own.sum() + sizes[place] - both
            shared[number, place] = both / max(1, union)
    return shared


def within(mask: Mask, corner: Corner, low: Corner, high: Corner) -> Mask:
    """The part from `low` to `high` of a mask whose left and top are at `corner`."""
    left, top = corner
    return mask[low[1] - top : high[1] - top, low[0] - left : high[0] - left]


def precision(rows: NDArray[np.float64], truths: float) -> float:
    """The average over overlaps of a class's average precision, of its rows of :func:`matched`."""
    hits = rows[np.argsort(-rows[:, 0], kind="stable"), 2:]
    averages = []
    for column in hits.T:
        counted = column[column >= 0]
        right = np.cumsum(counted)
        precise = right / np.arange(1, len(counted) + 1)
        falling = np.maximum.accumulate(precise[::-1])[::-1]
        at = np.searchsorted(right / truths, RECALLS, side="left")
        averages.append(np.append(falling, 0)[np.minimum(at, len(falling))].mean())
    return float(np.mean(averages))
