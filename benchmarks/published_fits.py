"""What fits of Spectile don't offer of the published settings: AdaGrad."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from published_networks import Training
from spectile.training.learners import window_classifier


@contextmanager
def fitted_as(training: Training) -> Iterator[None]:
    """Fits of windows take AdaGrad meanwhile, where `training` asks for it."""
    before: Any = window_classifier.optimizer_of

    def adagrad(network: nn.Module, _: Any) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(
            network.parameters(), training.learning_rate, weight_decay=training.weight_decay
        )

    if training.optimizer == "adagrad":
        window_classifier.optimizer_of = adagrad
    try:
        yield
    finally:
        window_classifier.optimizer_of = before
