"""Non-maximum suppression: of boxes that overlap too much only the surest stays.

As Girshick, Donahue, Darrell and Malik, "Rich Feature Hierarchies for Accurate Object Detection and
Semantic Segmentation", CVPR 2014, section 2.2: greedily and class by class. Here all boxes are
decided on at once, again and again until nothing changes. What stays then is what the greedy loop
leaves: the first box does, and after each round at least one more has its final say.
"""

from __future__ import annotations

import torch
from torch import Tensor


def non_maximum_suppression(
    boxes: Tensor, scores: Tensor, classes: Tensor, threshold: float
) -> Tensor:
    """Places of the boxes (P, 4) that stay, the surest first; equals come in their order.

    A box goes if one of its class with a higher score stays and their intersection is more than
    `threshold` of their union. Needs P * P numbers of memory.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes, classes = boxes[order], classes[order]
    rivals = (overlaps(boxes, boxes) > threshold) & (classes[:, None] == classes)
    rivals = rivals.triu(1).float()  # a row's box is surer than a column's
    stays = torch.ones(len(boxes), device=boxes.device)
    while True:
        again = (stays @ rivals == 0).float()
        if bool((again == stays).all()):
            return order[stays > 0]
        stays = again


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes (P, 4) with boxes (Q, 4): (P, Q); 0 for boxes of no area."""
    # One axis after the other: pairs of numbers innermost are slow to go through.
    wide, high = (
        torch.minimum(one[:, None, axis + 2], other[:, axis + 2])
        .sub_(torch.maximum(one[:, None, axis], other[:, axis]))
        .clamp_(min=0)
        for axis in (0, 1)
    )
    shared = wide.mul_(high)
    union = (area(one)[:, None] + area(other)).sub_(shared)
    return shared.div_(union.clamp_(min=torch.finfo(union.dtype).tiny))


def area(boxes: Tensor) -> Tensor:
    """Pixels in boxes (..., 4)."""
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)
