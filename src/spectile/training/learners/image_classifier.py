"""Fitting a network that classifies whole images."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy

from spectile.training.augmentation import (
    cutmix,
    erase_rectangles,
    flip_horizontally,
    mixup,
    random_crop,
    rotate_and_flip,
)
from spectile.training.image_recipes import ClassifyRecipe
from spectile.training.learners.image_learner import ImageLearner
from spectile.training.learners.image_samples import jittered
from spectile.training.normalise import Normalise

Batch = tuple[Tensor, Tensor]


class ImageClassifier(ImageLearner):
    """Cross-entropy on images (N, bands, H, W) as read, with class indices (N,).

    `weights` (classes,) weigh the classes in the loss.
    """

    score_name = "validation_accuracy"

    def __init__(
        self,
        network: nn.Module,
        recipe: ClassifyRecipe,
        normalise: Normalise,
        *,
        classes: int,
        seed: int,
        weights: Tensor | None,
        fresh: Collection[str] = (),
    ) -> None:
        super().__init__(network, recipe, seed=seed, weights=weights, fresh=fresh)
        self.recipe: ClassifyRecipe = recipe
        self.normalise = normalise
        self.classes = classes
        self.score = MulticlassAccuracy(classes, average="micro")

    def training_step(self, batch: Batch, index: int) -> Tensor:
        self.draw()
        images, classes = self._augmented(*batch)
        loss = F.cross_entropy(
            self.network(images),
            classes,
            self.weights,
            label_smoothing=self.recipe.label_smoothing,
        )
        self.train_loss.update(loss.detach(), len(classes))
        return loss

    def _augmented(self, raw: Tensor, classes: Tensor) -> Batch:
        recipe = self.recipe
        if recipe.jitter:
            raw = jittered(raw, recipe.jitter)
        images: Tensor = self.normalise(raw)
        shift = recipe.shift if recipe.shift is not None else min(images.shape[2:]) // 8
        if shift:
            images = random_crop(images, shift)
        if recipe.rotate and images.shape[2] == images.shape[3]:
            images = rotate_and_flip(images)
        elif recipe.flip:
            images = flip_horizontally(images)
        if recipe.erasing:
            images = erase_rectangles(images, recipe.erasing)
        # Each step mixes in one of the ways.
        ways = [pair for pair in ((mixup, recipe.mixup), (cutmix, recipe.cutmix)) if pair[1]]
        if ways:
            way, alpha = ways[int(torch.randint(len(ways), ()))]
            images, classes = way(images, classes, count=self.classes, alpha=alpha)
        return images, classes

    def validate_on(self, batch: Batch) -> None:
        raw, classes = batch
        logits = self.validated(self.normalise(raw))
        self.validation_loss.update(F.cross_entropy(logits, classes), len(classes))
        self.score.update(logits, classes)
