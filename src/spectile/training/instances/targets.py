"""What each place of each level is to say: which object it is of, how far that reaches.

Tian, Shen, Chen and He, "FCOS: Fully Convolutional One-Stage Object Detection", ICCV 2019, sections
3.1 and 3.2, with the centre sampling of its later versions: a place is an object's if it lies in
its box and within 1.5 strides of the box's middle, and if the box reaches as far from the place as
the level is for. Of several objects it is the smallest one's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spectile.blocks.fcos_head import places
from spectile.blocks.non_maximum_suppression import area
from spectile.data.instances.objects import Mask, Objects

RADIUS = 1.5
"""Strides within which of an object's middle a place is the object's."""
REACH = 8
"""Strides that a box reaches at most on a level: 64 pixels on one of stride 8."""
NO_OBJECT = -1
IGNORED = -1
"""In maps of classes, where 0 is the background."""


class ImageTargets(NamedTuple):
    """The objects of one image that count, as losses take them."""

    boxes: Tensor
    """Left, top, right and bottom in pixels; (G, 4)."""
    classes: Tensor
    """From 0; (G,)."""
    masks: Tensor
    """Which cells of an object's box are its own; (G, R, R), 8-bit."""
    semantic: Tensor
    """Of each pixel: 0 for none, else 1 and the class, -1 where objects are ignored; (H, W)."""


class PlaceTargets(NamedTuple):
    """What the L places of all levels of an image are to say."""

    objects: Tensor
    """Which of the image's objects, -1 for none; (L,)."""
    distances: Tensor
    """To the object's left, top, right and bottom, in pixels; (L, 4), any numbers without one."""
    ignored: Tensor
    """Places of objects that are neither found nor missed; (L,)."""


def image_targets(objects: Objects, mask_size: int) -> ImageTargets:
    """What to learn from the objects of an image, masks on `mask_size` x `mask_size` cells."""
    counted = np.flatnonzero(~objects.ignored)
    masks = [on_cells(objects.masks[place], mask_size) for place in counted.tolist()]
    semantic = torch.zeros(objects.height, objects.width, dtype=torch.long)
    sizes = [int(mask.sum()) for mask in objects.masks]
    # The smallest lie on top, and all that count on those that don't.
    for place in sorted(range(len(objects)), key=lambda n: (not objects.ignored[n], -sizes[n])):
        left, top, right, bottom = objects.boxes[place].tolist()
        said = IGNORED if objects.ignored[place] else 1 + int(objects.classes[place])
        mask = torch.from_numpy(objects.masks[place].copy())  # it may be a mirrored view
        semantic[top:bottom, left:right][mask] = said
    return ImageTargets(
        torch.from_numpy(objects.boxes[counted]).float(),
        torch.from_numpy(objects.classes[counted]),
        torch.stack(masks) if masks else torch.zeros(0, mask_size, mask_size, dtype=torch.uint8),
        semantic,
    )


def on_cells(mask: Mask, size: int) -> Tensor:
    """A mask (h, w) at the middles of `size` x `size` cells that fill it; 8-bit."""
    values = torch.from_numpy(mask.astype(np.float32))[None, None]
    cells = F.interpolate(values, (size, size), mode="bilinear", align_corners=False)
    return (cells[0, 0] >= 0.5).byte()


def sizes_of_interest(strides: Sequence[int]) -> list[tuple[float, float]]:
    """How far from its places a level's boxes reach, at least and at most; the last any distance.

    64, 128, 256 and 512 pixels are between the levels of strides 8 to 128, as in the paper.
    """
    bounds = [0.0, *(float(REACH * stride) for stride in strides[:-1]), float("inf")]
    return list(pairwise(bounds))


def place_targets(
    targets: ImageTargets, sizes: Sequence[tuple[int, int]], strides: Sequence[int]
) -> PlaceTargets:
    """What the places of levels of `sizes` (h, w) and `strides` are to say of an image."""
    levels = zip(sizes, strides, sizes_of_interest(strides), strict=True)
    each = [level_targets(targets, size, stride, reach) for size, stride, reach in levels]
    return PlaceTargets(*(torch.cat(parts) for parts in zip(*each, strict=True)))


def level_targets(
    targets: ImageTargets, size: tuple[int, int], stride: int, reach: tuple[float, float]
) -> PlaceTargets:
    """The same for one level, whose boxes reach as far as `reach` says."""
    boxes = targets.boxes
    at = places(*size, stride, boxes)
    ignored = semantic_at(targets.semantic, size, stride).flatten() == IGNORED
    if not len(boxes):
        nothing = torch.full((len(at),), NO_OBJECT, device=at.device)
        return PlaceTargets(nothing, at.new_zeros(len(at), 4), ignored)
    distances = torch.cat([at[:, None] - boxes[:, :2], boxes[:, 2:] - at[:, None]], 2)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    near = (at[:, None] - middles).abs().amax(2) < RADIUS * stride
    farthest = distances.amax(2)
    own = (distances.amin(2) > 0) & near & (farthest >= reach[0]) & (farthest <= reach[1])
    areas = torch.where(own, area(boxes), torch.inf)
    smallest, objects = areas.min(1)
    taken = distances[torch.arange(len(at), device=at.device), objects]
    objects = objects.masked_fill(smallest.isinf(), NO_OBJECT)
    return PlaceTargets(objects, taken, ignored & (objects == NO_OBJECT))


def semantic_at(semantic: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """A map of classes (H, W) at the places of a level: (h, w), -1 beyond the image."""
    height, width = semantic.shape
    room = (0, max(0, size[1] * stride - width), 0, max(0, size[0] * stride - height))
    padded = F.pad(semantic, room, value=IGNORED)
    cut = padded[stride // 2 :: stride, stride // 2 :: stride]
    return cut[: size[0], : size[1]]


def centerness(distances: Tensor) -> Tensor:
    """How central places (P, 4) are in their boxes, from 0 to 1; (P,), equation 3 of the paper."""
    one, other = distances[:, [0, 1]], distances[:, [2, 3]]
    ratios = torch.minimum(one, other) / torch.maximum(one, other).clamp(min=1e-6)
    return ratios.clamp(min=0).prod(1).sqrt()
