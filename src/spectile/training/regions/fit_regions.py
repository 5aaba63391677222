"""Region training: the trunk of a window classifier runs once over a region, not once a window.

Neighbouring windows have most of their pixels in common. As when mapping, the unpadded convolutions
run once over a region, and each labelled pixel's window is cut out of their result. Loss and
gradients are those of the windows, computed with a tenth of the work or less.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.data.labels.labels import Places
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.networks.spectral_branch import without_spectral_branch
from spectile.networks.windows.region_training import TrainsOnRegions, why_not_on_regions
from spectile.training.dependent_settings import refuse_misplaced
from spectile.training.fit import ANY_HARDWARE, Fit, Hardware, fit
from spectile.training.learners.window_classifier import WindowClassifier
from spectile.training.recipes import Optimizer, Recipe
from spectile.training.regions.labelled_regions import (
    LabelledRegions,
    Region,
    RegionLoaders,
    RegionStep,
    square_edge,
)
from spectile.training.regions.region_gradients import region_logits, region_loss
from spectile.training.schedules import refuse_blind_plateau

STEPS, PASSES = 80, 5
"""Of a fit whose recipe leaves its length open: as many steps, and passes over all windows, as it
takes at least."""


class RegionClassifier(WindowClassifier):
    """The learner of region training: a :class:`WindowClassifier` whose steps are of regions."""

    usual_optimizer: ClassVar[Optimizer] = "muon"

    def training_step(self, batch: RegionStep, index: int) -> Tensor:  # type: ignore[override]
        self.draw()
        regions = [self._changed(region) for region in batch.regions]
        count = float(len(batch.classes))
        whole = count if self.weights is None else float(self.weights[batch.classes].sum())

        # Devices take the mean of their gradients: each gives its windows' part of the whole mean.
        def loss(logits: Tensor, targets: Tensor) -> Tensor:
            total = F.cross_entropy(
                logits,
                targets,
                self.weights,
                reduction="sum",
                label_smoothing=self.recipe.label_smoothing,
            )
            return total * (self.trainer.world_size / whole)

        windows = self.window_network
        assert isinstance(windows, TrainsOnRegions)
        mean = region_loss(windows, regions, loss)
        self.train_loss.update(mean.detach(), count)
        return mean

    def validate_on(self, batch: RegionStep) -> None:  # type: ignore[override]
        for region in batch.regions:
            logits = region_logits(self.network, region)
            self.validation_loss.update(F.cross_entropy(logits, region.classes), len(logits))
            self.score.update(logits, region.classes)

    def _changed(self, region: Region) -> Region:
        if self.recipe.rotate:
            region = rotated(region, int(torch.randint(8, ())), self.recipe.window)
        return region._replace(components=self.shifted(region.components[None])[0])


def rotated(region: Region, symmetry: int, window: int) -> Region:
    """A region in one of the eight flips and quarter turns, its windows with it."""
    components, rows, columns, classes = region
    for _ in range(symmetry % 4):
        components = components.rot90(1, (1, 2))
        rows, columns = components.shape[1] - window - columns, rows
    if symmetry >= 4:
        components = components.flip(2)
        columns = components.shape[2] - window - columns
    return Region(components, rows, columns, classes)


def fit_regions(
    network: nn.Module,
    scene: Scene,
    preprocessing: Preprocessing,
    train: Places,
    validation: Places,
    recipe: Recipe,
    *,
    classes: int,
    seed: int,
    checkpoints: Path,
    memory: float = 2.0,
    resume: bool = False,
    hardware: Hardware = ANY_HARDWARE,
    quiet: bool = False,
    light: NDArray[np.float64] | None = None,
) -> Fit:
    """Fit `network` in place on the windows around labelled pixels of `scene`, region by region.

    It ends with the same epoch's weights as
    :func:`~spectile.training.learners.window_classifier.fit_windows` would. A step takes
    `recipe.batch` windows; without one it takes all windows of a small scene, and of a large scene
    those of some squares from all over it. The features of one square at a time fit into `memory`
    in GB. `recipe.epochs` are passes over the training windows; several of them make one row of
    the history. `train` and `validation` are the labelled pixels of the two sides, `classes` is
    how many classes there are, `light` (components,) as for windows. Checkpoints go into the folder
    `checkpoints`.

    Raises InputError for a network that can't be trained so, see
    :func:`~spectile.networks.windows.region_training.why_not_on_regions`, for a recipe with mixup,
    for a schedule that follows the validation loss without such pixels, and as `fit` does.
    """
    refuse_misplaced(recipe)
    refuse_mixup(recipe)
    refuse_blind_plateau(recipe, len(validation[0]))
    if reason := why_not_on_regions(network):
        name = type(without_spectral_branch(network)).__name__
        raise InputError(f"{name} {reason}: train it on windows (--no-regions).")
    windows = without_spectral_branch(network)
    assert isinstance(windows, TrainsOnRegions)
    window = windows.window
    room = memory * 1e9 / windows.bytes_a_pixel
    edge = square_edge(scene, *train[:2], window - 1, room, rotate=recipe.rotate)
    loaders = RegionLoaders(
        LabelledRegions(scene, preprocessing, window, *train, edge=edge),
        LabelledRegions(scene, preprocessing, window, *validation, edge=edge),
        seed=seed,
        batch=recipe.batch,
    )
    learner = RegionClassifier.of(
        network, loaders.regions, recipe, classes=classes, seed=seed, light=light
    )
    learner.passes = loaders.steps.passes
    return fit(
        learner,
        loaders,
        epochs=_epochs(recipe, loaders),
        patience=recipe.patience,
        clip=recipe.clip,
        checkpoints=checkpoints,
        resume=resume,
        hardware=hardware,
        quiet=quiet,
    )


def refuse_mixup(recipe: Recipe) -> None:
    """Raise InputError for a recipe that mixes windows, which region training never cuts out."""
    if recipe.mixup:
        raise InputError(
            "mixup mixes windows, and training on regions never cuts them out: leave out --mixup, "
            "or add --no-regions."
        )


def _epochs(recipe: Recipe, loaders: RegionLoaders) -> int:
    if recipe.epochs is not None:
        return math.ceil(recipe.epochs / loaders.steps.passes)
    steps = loaders.steps
    return max(math.ceil(STEPS / len(steps)), math.ceil(PASSES / steps.passes))
