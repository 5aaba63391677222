"""Fitting a window classifier, as a Lightning module."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from spectile.learning.augmentation import turn_and_flip
from spectile.learning.recipes import Recipe

Batch = tuple[Tensor, Tensor]

SETTLED = 0.1
"""Share of the highest learning rate below which the best epoch is looked for."""


class WindowClassifier(L.LightningModule):
    """Cross-entropy on windows (N, components, h, h) with class indices (N,).

    `weights` (classes,) weigh the classes in the loss.
    """

    def __init__(
        self, network: nn.Module, recipe: Recipe, *, classes: int, seed: int, weights: Tensor | None
    ) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.seed = seed
        self.weights: Tensor | None
        self.register_buffer("weights", weights, persistent=False)
        self.train_loss = MeanMetric()
        self.validation_loss = MeanMetric()
        self.validation_accuracy = MulticlassAccuracy(classes, average="micro")

    def training_step(self, batch: Batch, index: int) -> Tensor:
        # All chance of a step (dropout, turns) follows from its number, so that a resumed fit
        # goes on as if it had never stopped.
        torch.manual_seed(self.seed + 1_000_003 * self.global_step + 7_919 * self.global_rank)
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
        self.validation_accuracy.update(logits, classes)

    def on_validation_epoch_end(self) -> None:
        loss = self.validation_loss.compute()
        self.validation_loss.reset()
        self.log("validation_loss", loss)
        self.log("validation_accuracy", self.validation_accuracy)
        self.log("settled_loss", loss if self._settled() else torch.full_like(loss, torch.inf))

    def _settled(self) -> bool:
        """Whether the learning rate is low enough for this epoch's weights to be kept.

        On the way down a one-cycle fit gains more than a validation loss of some hundred pixels
        can tell: a lucky epoch at a high rate is worse on test pixels than any late one.
        """
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
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
