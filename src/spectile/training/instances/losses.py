"""What a network of instances learns by: five losses, added up.

Focal loss: Lin, Goyal, Girshick, He and Dollár, ICCV 2017, arXiv:1708.02002. GIoU: Rezatofighi et
al., CVPR 2019, arXiv:1902.09630. Centerness: Tian et al., "FCOS", ICCV 2019, section 3.2. Masks and
the semantic loss beside them: Chen et al., "BlendMask", CVPR 2020, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from spectile.blocks.roi_align import roi_align
from spectile.networks.instances.blendmask import BlendMask, ImageFindings
from spectile.training.instances.targets import (
    ImageTargets,
    PlaceTargets,
    centerness,
    place_targets,
    semantic_at,
)
from spectile.training.losses import cross_entropy

ALPHA, GAMMA = 0.25, 2.0
SEMANTIC = 0.3
"""What the semantic loss counts."""
MASKS = 512
"""Places of a batch whose masks are learnt from at most, drawn at random."""


class InstanceLosses(NamedTuple):
    """Scalars, each as it counts."""

    classes: Tensor
    boxes: Tensor
    centerness: Tensor
    masks: Tensor
    semantic: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return torch.stack(self).sum()


class Positives(NamedTuple):
    """The P places of a batch that are an object's."""

    images: Tensor
    """Which image; (P,), ascending."""
    at: Tensor
    """Which place of the image, through all levels; (P,)."""
    objects: Tensor
    """Which object, counted through the batch; (P,)."""
    distances: Tensor
    """To its box, in pixels; (P, 4)."""
    weights: Tensor
    """How central the place is; (P,)."""


def instance_losses(
    network: BlendMask, found: ImageFindings, targets: Sequence[ImageTargets]
) -> InstanceLosses:
    """The losses of what was `found` in images with these `targets`, one an image.

    Images without any object count by what is found in them.
    """
    sizes = [(level.classes.shape[2], level.classes.shape[3]) for level in found.levels]
    each = [place_targets(image, sizes, network.strides) for image in targets]
    wanted = PlaceTargets(*(torch.stack(parts) for parts in zip(*each, strict=True)))
    first = torch.tensor([0, *(len(image.boxes) for image in targets)]).cumsum(0)[:-1]
    images, at = (wanted.objects >= 0).nonzero(as_tuple=True)
    distances = wanted.distances[images, at]
    objects = wanted.objects[images, at] + first.to(at.device)[images]
    positives = Positives(images, at, objects, distances, centerness(distances))
    all_classes = torch.cat([image.classes for image in targets])
    logits = through_levels([level.classes for level in found.levels])
    truth = torch.zeros_like(logits)
    truth[images, at, all_classes[objects]] = 1
    focal = focal_loss(logits, truth) * ~wanted.ignored[:, :, None]
    count = max(1, len(at))
    weight = positives.weights.sum().clamp(min=1e-6)
    reached = through_levels([level.distances for level in found.levels])[images, at]
    central = through_levels([level.centerness for level in found.levels])[images, at, 0]
    return InstanceLosses(
        focal.sum() / count,
        (giou_loss(reached, distances) * positives.weights).sum() / weight,
        F.binary_cross_entropy_with_logits(central, positives.weights, reduction="sum") / count,
        mask_loss(network, found, targets, positives),
        SEMANTIC * semantic_loss(network, found, targets),
    )


def through_levels(maps: Sequence[Tensor]) -> Tensor:
    """Maps (N, C, h, w), one a level, to what all places say, (N, L, C) in float32."""
    return torch.cat([each.float().flatten(2) for each in maps], 2).transpose(1, 2)


def focal_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """The focal loss of each logit against 0 or 1, every class apart from the others."""
    surprise = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    probability = logits.sigmoid()
    wrong = probability + truth - 2 * probability * truth
    alpha = ALPHA * truth + (1 - ALPHA) * (1 - truth)
    return alpha * wrong**GAMMA * surprise


def giou_loss(found: Tensor, truth: Tensor) -> Tensor:
    """1 - GIoU of boxes (P, 4) that are told by their distances from one place; (P,)."""
    areas = [(box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3]) for box in (found, truth)]
    low, high = torch.minimum(found, truth), torch.maximum(found, truth)
    shared = (low[:, 0] + low[:, 2]).clamp(min=0) * (low[:, 1] + low[:, 3]).clamp(min=0)
    around = (high[:, 0] + high[:, 2]) * (high[:, 1] + high[:, 3])
    union = areas[0] + areas[1] - shared
    iou = shared / union.clamp(min=1e-6)
    return 1 - iou + (around - union) / around.clamp(min=1e-6)


def mask_loss(
    network: BlendMask,
    found: ImageFindings,
    targets: Sequence[ImageTargets],
    positives: Positives,
) -> Tensor:
    """Binary cross-entropy over an object's box, of each place as it is central in it."""
    if len(positives.at) > MASKS:
        drawn = torch.randperm(len(positives.at), device=positives.at.device)[:MASKS].sort()[0]
        positives = Positives(*(part[drawn] for part in positives))
    counts = torch.tensor([len(image.boxes) for image in targets])
    images = torch.arange(len(targets)).repeat_interleave(counts).to(positives.at.device)
    boxes = torch.cat([image.boxes for image in targets])
    size = targets[0].masks.shape[-1]
    # All places of an object read the same part of the bases.
    bases = roi_align(found.bases, boxes, images, size, network.bases_stride)
    attention = network.attention(found.levels, positives.images, positives.at).float()
    logits = network.assemble(bases[positives.objects], attention)
    truth = torch.cat([image.masks for image in targets])[positives.objects].float()
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean((1, 2))
    return (each * positives.weights).sum() / positives.weights.sum().clamp(min=1e-6)


def semantic_loss(
    network: BlendMask, found: ImageFindings, targets: Sequence[ImageTargets]
) -> Tensor:
    """Cross-entropy of background and classes on the finest level."""
    logits = network.semantic(found.finest)
    size = (logits.shape[2], logits.shape[3])
    truth = [semantic_at(image.semantic, size, network.strides[0]) for image in targets]
    return cross_entropy(logits, torch.stack(truth))
