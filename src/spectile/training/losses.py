"""Losses of logits against classes, for images and pixels: cross-entropy, focal and Dice.

Lin, Goyal, Girshick, He and Dollár, "Focal Loss for Dense Object Detection", ICCV 2017,
arXiv:1708.02002, here over the classes' softmax and averaged like cross-entropy; Milletari, Navab
and Ahmadi, "V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation",
3DV 2016, arXiv:1606.04797, section 3, here for each class of the batch.

Everywhere logits are (N, K) or (N, K, H, W), targets (N,) or (N, H, W) class indices from 0, -1
where there is no label, and `weights` (K,) weigh the classes. A batch without any label costs 0.
"""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from spectile.choices import LossName
from spectile.errors import InputError

IGNORED = -1


def segmentation_loss(
    name: LossName,
    logits: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The loss called `name`, a scalar; "cross-entropy+dice" is their sum.

    Raises InputError for an unknown name, and for label smoothing of a loss that has none.
    """
    if name not in get_args(LossName):
        raise InputError(
            f"There is no loss called {name!r}: choose one of {', '.join(get_args(LossName))}."
        )
    if label_smoothing and not name.startswith("cross-entropy"):
        raise InputError(
            f"The {name} loss has no label smoothing: leave it out, or choose cross-entropy."
        )
    if name == "focal":
        return focal_loss(logits, target, weights)
    if name == "dice":
        return dice_loss(logits, target, weights)
    loss = cross_entropy(logits, target, weights, label_smoothing)
    return loss if name == "cross-entropy" else loss + dice_loss(logits, target, weights)


def cross_entropy(
    logits: Tensor, target: Tensor, weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """The weighted mean of -log p over the labelled pixels, p that of a pixel's class.

    PyTorch's own, whose mean over no pixel is not a number.
    """
    logits = at_least_float32(logits)
    total = F.cross_entropy(
        logits,
        target,
        weights,
        ignore_index=IGNORED,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    return total / denominator(total, target, weights)


def focal_loss(
    logits: Tensor, target: Tensor, weights: Tensor | None = None, gamma: float = 2.0
) -> Tensor:
    """The weighted mean of -(1 - p)^gamma log p; with a gamma of 0 that is cross-entropy.

    Raises InputError for a negative gamma.
    """
    if not gamma >= 0:
        raise InputError(f"The focal loss can't have a gamma of {gamma}: choose 0 or more.")
    logits = at_least_float32(logits)
    surprise = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="none")
    # Where p is 1, a power below 1 has no derivative.
    doubt = -torch.expm1(-surprise).clamp(max=-torch.finfo(logits.dtype).tiny)
    pixels = doubt**gamma * surprise
    if weights is not None:
        pixels = pixels * weights.to(pixels)[target.clamp(min=0)]
    return pixels.sum() / denominator(pixels, target, weights)


def dice_loss(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """The weighted mean over the batch's classes of 1 - 2 sum(p t) / (sum(p^2) + sum(t^2)).

    p is a class's probability and t 1 or 0, summed over all labelled pixels of the batch. A class
    without a pixel in the batch has no part in the mean.
    """
    logits = logits.reshape(*logits.shape[:2], -1)
    target = target.reshape(len(target), 1, -1)
    probabilities = at_least_float32(logits).softmax(1)
    probabilities = probabilities * (target != IGNORED).to(probabilities)
    truth = target == torch.arange(logits.shape[1], device=target.device)[:, None]
    shared = (probabilities * truth.to(probabilities)).sum((0, 2))
    pixels = truth.sum((0, 2))
    extent = probabilities.square().sum((0, 2)) + pixels
    present = (pixels > 0).to(shared)
    if weights is not None:
        present = present * weights.to(shared)
    tiny = torch.finfo(shared.dtype).tiny
    distance = 1 - 2 * shared / extent.clamp(min=tiny)
    return (present * distance).sum() / present.sum().clamp(min=tiny)


def denominator(like: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
    """What divides a sum over pixels to give their weighted mean; above 0 without any."""
    labelled = target != IGNORED
    if weights is None:
        return labelled.sum().clamp(min=1).to(like)
    weighed = weights.to(like)[target.clamp(min=0)] * labelled
    return weighed.sum().clamp(min=torch.finfo(like.dtype).tiny)


def at_least_float32(logits: Tensor) -> Tensor:
    """Under autocast sums over many pixels would lose digits."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
