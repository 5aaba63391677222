"""An image changed together with its objects, one image at a time.

Scale jitter and crops as in Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method
for Instance Segmentation", CVPR 2021, section 3; a crop is cut before it is scaled, as with masks.
Boxes are those of what is left of the masks; objects of which nothing is left are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spectile.data.instances.objects import Mask, Objects
from spectile.errors import InputError
from spectile.training.augmentation.with_masks import crop_extent, nearest, place

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


def scale_crop_with_objects(
    image: Tensor,
    objects: Objects,
    edge: int,
    scales: tuple[float, float] = (0.8, 1.25),
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Objects]:
    """A square of `edge` pixels out of an image (C, H, W) and its objects, scaled at random.

    The scale is drawn from `scales`. A scaled image smaller than the square lies anywhere in it, on
    0. Raises InputError for an edge below 1, scales of 0 or less, and objects of another image.
    """
    if edge < 1 or not 0 < scales[0] <= scales[1]:
        raise InputError(
            f"Crops can't be {edge} pixels wide at scales of {scales[0]} to {scales[1]}: choose "
            "an edge of at least 1 and scales above 0, the smaller one first."
        )
    if image.shape[1:] != (objects.height, objects.width):
        raise InputError(
            f"Objects in {objects.height} x {objects.width} pixels don't belong to an image of "
            f"{image.shape[1]} x {image.shape[2]}: give those of the image."
        )
    drawn = torch.rand(5, generator=generator, dtype=torch.float64).tolist()
    scale = scales[0] + drawn[0] * (scales[1] - scales[0])
    top, rows, height = crop_extent(objects.height, edge, scale, drawn[1])
    left, columns, width = crop_extent(objects.width, edge, scale, drawn[2])
    image = image[:, top : top + rows, left : left + columns]
    if (height, width) != (rows, columns):
        image = F.interpolate(image[None], (height, width), mode="bilinear", align_corners=False)[0]
    above, before = place(edge - height, drawn[3]), place(edge - width, drawn[4])
    image = F.pad(image, (before, edge - width - before, above, edge - height - above))
    # Which row and column of the image each of the square's, as far as the image reaches, shows.
    shown = [
        start + nearest(old, new, image).cpu().numpy()
        for start, old, new in ((top, rows, height), (left, columns, width))
    ]

    def cut(mask: Mask, box: Box) -> tuple[Mask, int, int]:
        down, up = np.searchsorted(shown[0], (box[1], box[3]))
        first, end = np.searchsorted(shown[1], (box[0], box[2]))
        part = mask[np.ix_(shown[0][down:up] - box[1], shown[1][first:end] - box[0])]
        return part, int(first) + before, int(down) + above

    return image, changed(objects, edge, edge, cut)


def flip_with_objects(
    image: Tensor, objects: Objects, generator: torch.Generator | None = None
) -> tuple[Tensor, Objects]:
    """An image (C, H, W) and its objects as they are or mirrored, with even chances."""
    if float(torch.rand((), generator=generator)) < 0.5:
        return image.flip(2), mirrored(objects)
    return image, objects


def rotate_with_objects(
    image: Tensor, objects: Objects, generator: torch.Generator | None = None
) -> tuple[Tensor, Objects]:
    """An image (C, H, W) and its objects in one of the eight flips and quarter turns.

    For pictures from above. A quarter turn swaps height and width.
    """
    symmetry = int(torch.randint(8, (), generator=generator))
    image = image.rot90(symmetry % 4, (1, 2))
    for _ in range(symmetry % 4):
        objects = quarter_turned(objects)
    return (image.flip(2), mirrored(objects)) if symmetry >= 4 else (image, objects)


def mirrored(objects: Objects) -> Objects:
    """Left to right."""
    return changed(
        objects,
        objects.height,
        objects.width,
        lambda mask, box: (mask[:, ::-1], objects.width - box[2], box[1]),
    )


def quarter_turned(objects: Objects) -> Objects:
    """Against the clock, as :func:`numpy.rot90` turns."""
    return changed(
        objects,
        objects.width,
        objects.height,
        lambda mask, box: (np.rot90(mask), box[1], objects.width - box[2]),
    )


def changed(
    objects: Objects, height: int, width: int, change: Callable[[Mask, Box], tuple[Mask, int, int]]
) -> Objects:
    """The objects in an image of `height` x `width`, where their masks were changed one by one.

    `change` takes a mask and its box and says what becomes of the mask, and its left and top.
    """
    masks: list[Mask] = []
    boxes: list[Box] = []
    kept: list[int] = []
    for number, (mask, box) in enumerate(zip(objects.masks, boxes_of(objects.boxes), strict=True)):
        new, left, top = change(mask, box)
        rows, columns = np.flatnonzero(new.any(1)), np.flatnonzero(new.any(0))
        if not len(rows):
            continue
        (up, down), (first, end) = ((at[0], at[-1] + 1) for at in (rows, columns))
        masks.append(new[up:down, first:end])
        boxes.append((left + first, top + up, left + end, top + down))
        kept.append(number)
    return replace(
        objects,
        height=height,
        width=width,
        classes=objects.classes[kept],
        boxes=np.array(boxes, np.int64).reshape(-1, 4),
        masks=masks,
        ignored=objects.ignored[kept],
    )


def boxes_of(boxes: NDArray[np.int64]) -> Iterable[Box]:
    """Boxes (N, 4) as plain numbers."""
    return (tuple(box) for box in boxes.tolist())
