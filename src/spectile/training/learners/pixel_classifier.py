"""Fitting a network that classifies every pixel of an image."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassConfusionMatrix

from spectile.training.image_recipes import SegmentRecipe
from spectile.training.learners.image_learner import ImageLearner
from spectile.training.losses import segmentation_loss

Batch = tuple[Tensor, Tensor]

IGNORED = -1


class PixelClassifier(ImageLearner):
    """A loss over pixels of components (N, components, H, W) with classes (N, H, W), -1 ignored.

    `weights` (classes,) weigh the classes in the loss. The score is the mean over the classes on
    the validation side of their intersection over union.
    """

    score_name = "validation_mean_iou"

    def __init__(
        self,
        network: nn.Module,
        recipe: SegmentRecipe,
        *,
        classes: int,
        seed: int,
        weights: Tensor | None,
        fresh: Collection[str] = (),
    ) -> None:
        # Channels innermost: a step takes 6 to 20% less time.
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stub
        super().__init__(network, recipe, seed=seed, weights=weights, fresh=fresh)
        self.recipe: SegmentRecipe = recipe
        self.loss = recipe.loss
        self.score = MulticlassConfusionMatrix(classes, ignore_index=IGNORED)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        self.draw()
        images, classes = batch
        loss = segmentation_loss(
            self.loss,
            self.network(innermost(images)),
            classes,
            self.weights,
            self.recipe.label_smoothing,
        )
        self.train_loss.update(loss.detach(), len(images))
        return loss

    def validate_on(self, batch: Batch) -> None:
        images, classes = batch
        logits = self.validated(innermost(images))
        self.validation_loss.update(
            segmentation_loss(self.loss, logits, classes, self.weights), len(images)
        )
        self.score.update(logits, classes)

    def validated_score(self) -> Tensor:
        counts = self.score.compute().double()
        hits = counts.diagonal()
        union = counts.sum(0) + counts.sum(1) - hits
        shown = counts.sum(1) > 0
        mean: Tensor = (hits / union.clamp(min=1))[shown].mean()
        return mean if shown.any() else hits.new_zeros(())


def innermost(images: Tensor) -> Tensor:
    """The same images (N, C, H, W) with the channels innermost in memory."""
    return images.contiguous(memory_format=torch.channels_last)
