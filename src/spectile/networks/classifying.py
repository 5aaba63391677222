"""What users of timm expect of a network that classifies: a head to exchange, features alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from spectile.errors import InputError

HIDDEN = (256, 128)
"""Widths of HybridSN's hidden layers."""


def last_linear(features: int, classes: int) -> nn.Module:
    """What gives the logits; with 0 classes the features pass as they are."""
    return nn.Linear(features, classes) if classes else nn.Identity()


def hidden_layers(inputs: int, classes: int, dropout: float) -> list[nn.Module]:
    """Two hidden layers and the one that gives logits, as Roy et al. 2020 have them."""
    return [
        nn.Linear(inputs, HIDDEN[0]),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(HIDDEN[0], HIDDEN[1]),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        last_linear(HIDDEN[1], classes),
    ]


class Classifying(nn.Module):
    """A network whose `classifier` ends in the layer that gives the logits.

    With `classes` = 0 there is no such layer, and the network maps images to features
    (N, num_features).
    """

    classifier: nn.Module
    bands: int
    classes: int
    num_features: int
    """Features that come into the last layer."""
    recomputed = False
    """Whether maps are computed again for the gradient instead of kept."""

    def reset_classifier(self, classes: int) -> None:
        """Exchange the last layer for a fresh one; 0 classes leave features alone.

        Raises InputError for less.
        """
        if classes < 0:
            raise InputError(f"A network can't have {classes} classes: choose 0 or more.")
        fresh = last_linear(self.num_features, classes)
        if isinstance(self.classifier, nn.Sequential):
            old: nn.Module = self.classifier
            self.classifier[-1] = fresh
        else:
            old, self.classifier = self.classifier, fresh
        weight = next(self.parameters(), None)
        if weight is not None:
            fresh.to(weight.device, weight.dtype)
        fresh.train(old.training)
        self.classes = classes

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep the input of each stage or block alone in training, and compute the rest again.

        Gradients take about a third more time and a fraction of the memory. Batch normalisations
        see each batch twice: their running statistics move a little faster.
        """
        self.recomputed = enable

    def through(self, block: nn.Module, x: Tensor) -> Tensor:
        """`block` of `x`, its maps kept or to be computed again."""
        if self.recomputed and self.training and torch.is_grad_enabled():
            again: Any = checkpoint(block, x, use_reentrant=False)
            return again  # type: ignore[no-any-return]
        result: Tensor = block(x)
        return result
