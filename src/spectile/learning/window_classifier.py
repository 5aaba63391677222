"""Fitting a window classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy

from spectile.learning.augmentation import turn_and_flip
from spectile.learning.fit import ANY_HARDWARE, Fit, Hardware, fit
from spectile.learning.imbalance import rarity
from spectile.learning.loaders import Loaders
from spectile.learning.recipes import Recipe
from spectile.learning.task import SETTLED, Task, by_step
from spectile.learning.windows import LabelledWindows

Batch = tuple[Tensor, Tensor]

VALIDATION_BATCH = 256


class WindowClassifier(Task):
    """Cross-entropy on windows (N, components, h, h) with class indices (N,).

    `weights` (classes,) weigh the classes in the loss.
    """

    score_name = "validation_accuracy"
    keep = "loss"

    def __init__(
        self, network: nn.Module, recipe: Recipe, *, classes: int, seed: int, weights: Tensor | None
    ) -> None:
        super().__init__(network, seed=seed)
        self.recipe = recipe
        self.weights: Tensor | None
        self.register_buffer("weights", weights, persistent=False)
        self.score = MulticlassAccuracy(classes, average="micro")

    def training_step(self, batch: Batch, index: int) -> Tensor:
        self.draw()
        windows, classes = batch
        if self.recipe.turns:
            windows = turn_and_flip(windows)
        loss = F.cross_entropy(self.network(windows), classes, self.weights)
        self.train_loss.update(loss.detach(), len(classes))
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        windows, classes = batch
        logits = self.network(windows)
        self.validation_loss.update(F.cross_entropy(logits, classes), len(classes))
        self.score.update(logits, classes)

    @property
    def settled(self) -> bool:
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        constant = self.recipe.schedule == "constant"
        return constant or bool(rate <= SETTLED * self.recipe.learning_rate)

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        optimizer = torch.optim.AdamW(
            self.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        if recipe.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=max(2, steps), pct_start=0.2
        )
        return by_step(optimizer, schedule)


def fit_windows(
    network: nn.Module,
    train: LabelledWindows,
    validation: LabelledWindows,
    recipe: Recipe,
    *,
    classes: int,
    seed: int,
    checkpoints: Path,
    resume: bool = False,
    hardware: Hardware = ANY_HARDWARE,
    quiet: bool = False,
) -> Fit:
    """Fit `network` on windows in place, see :func:`spectile.learning.fit.fit`.

    It ends with the weights of the lowest validation loss, under the one-cycle schedule of the
    epochs whose learning rate has come down to a tenth.
    """
    return fit(
        WindowClassifier(
            network,
            recipe,
            classes=classes,
            seed=seed,
            weights=rarity(train.classes, classes) if recipe.class_weights else None,
        ),
        Loaders(
            train, validation, batch=recipe.batch, validation_batch=VALIDATION_BATCH, seed=seed
        ),
        epochs=recipe.epochs_for(len(train)),
        patience=recipe.patience,
        checkpoints=checkpoints,
        resume=resume,
        hardware=hardware,
        quiet=quiet,
    )
