"""What a fit of Spectile doesn't offer yet of the published settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from published_networks import Training
from spectile.training.learners.window_classifier import WindowClassifier


@contextmanager
def fitted_as(training: Training, epochs: int) -> Iterator[None]:
    """Fits of windows take the optimiser and the schedule of `training`, meanwhile."""

    def configure(self: WindowClassifier) -> Any:
        optimizer = optimizer_of(training, self.network)
        if training.schedule != "step":
            return optimizer
        period = max(1, round(training.period * epochs))
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, period, training.gamma)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule}}

    before = WindowClassifier.configure_optimizers
    WindowClassifier.configure_optimizers = configure  # type: ignore[method-assign]
    try:
        yield
    finally:
        WindowClassifier.configure_optimizers = before  # type: ignore[method-assign]


def optimizer_of(training: Training, network: torch.nn.Module) -> torch.optim.Optimizer:
    weights, decay = network.parameters(), training.weight_decay
    if training.optimizer == "sgd":
        return torch.optim.SGD(
            weights, training.learning_rate, momentum=training.momentum, weight_decay=decay
        )
    kind = torch.optim.Adagrad if training.optimizer == "adagrad" else torch.optim.Adam
    return kind(weights, training.learning_rate, weight_decay=decay)
