"""Fitting a window classifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchmetrics.classification import MulticlassAccuracy

from spectile.compat.torch import AnyBatchNorm
from spectile.networks.own.adapted import adaptation_of
from spectile.networks.spectral_branch import WithSpectralBranch, without_spectral_branch
from spectile.training.augmentation import (
    augment_spectra,
    bend_of,
    bend_spectra,
    mixup,
    rotate_and_flip,
    within_class_directions,
)
from spectile.training.dependent_settings import refuse_misplaced
from spectile.training.fit import ANY_HARDWARE, Fit, Hardware, fit
from spectile.training.imbalance import rarity
from spectile.training.learner import Learner, by_step
from spectile.training.loaders import Loaders
from spectile.training.optimizers import optimizer_of
from spectile.training.own_loss import Loss, check_sent, own_loss, own_loss_of
from spectile.training.recipes import Optimizer, Recipe
from spectile.training.regions.fit_spectral_branch import fit_spectral_branch
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.schedules import SETTLED, Course, plateau, refuse_blind_plateau

Batch = tuple[Tensor, Tensor]

BATCH = 32
"""Windows a step, where a recipe leaves them open."""
VALIDATION_BATCH = 256


class Pixels(Protocol):
    """Labelled pixels of a scene."""

    classes: Tensor
    """Class indices (N,), in any order."""

    @property
    def pixels(self) -> tuple[Tensor, Tensor]:
        """Components (N, C) and class indices (N,)."""
        ...


class WindowClassifier(Learner):
    """The learner of windows (N, components, h, h) with class indices (N,): cross-entropy.

    With a `loss` of the user's own the window's part of the network learns by that; the epoch is
    chosen by the cross-entropy of its logits on the validation side all the same. `weights`
    (classes,) weigh the classes in the loss. `directions` (components, components), of
    :func:`~spectile.training.augmentation.within_class_directions`, are for recipes with spectral
    augmentation. `bend` (components,) is what light of one deviation adds, see
    :func:`~spectile.training.augmentation.bend_spectra`. `passes` over the training windows are one
    epoch of the fit.
    """

    score_name = "validation_accuracy"
    keep = "loss"
    bf16_on_cpu = True
    usual_optimizer: ClassVar[Optimizer] = "adamw"
    """What a recipe's "auto" is."""

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        *,
        classes: int,
        seed: int,
        weights: Tensor | None,
        directions: Tensor | None = None,
        bend: Tensor | None = None,
        loss: Loss | None = None,
    ) -> None:
        super().__init__(network, seed=seed)
        self.own_loss = loss
        automatic = recipe.optimizer == "auto"
        self.recipe = replace(recipe, optimizer=self.usual_optimizer) if automatic else recipe
        self.weights: Tensor | None
        self.register_buffer("weights", weights, persistent=False)
        self.directions: Tensor | None
        self.register_buffer("directions", directions, persistent=False)
        self.bend: Tensor | None
        self.register_buffer("bend", bend, persistent=False)
        self.classes = classes
        self.score = MulticlassAccuracy(classes, average="micro")
        self.passes = 1
        self.plateau: ReduceLROnPlateau | None = None
        self._plateau_before: dict[str, Any] | None = None

    @classmethod
    def of(
        cls,
        network: nn.Module,
        train: Pixels,
        recipe: Recipe,
        *,
        classes: int,
        seed: int,
        light: NDArray[np.float64] | None = None,
        loss: Loss | None = None,
    ) -> Self:
        """A learner with what a recipe takes from the training pixels before the first step.

        That is class weights and the directions of spectral augmentation; the network's spectral
        branch, where it has one, is fitted here.
        """
        weights = rarity(train.classes, classes).sqrt() if recipe.class_weights else None
        directions = (
            within_class_directions(*train.pixels) if recipe.spectral_augmentation else None
        )
        bend = bend_of(light, recipe.light_augmentation)
        learner = cls(
            network,
            recipe,
            classes=classes,
            seed=seed,
            weights=weights,
            directions=directions,
            bend=bend,
            loss=loss,
        )
        if isinstance(network, WithSpectralBranch):
            branch = network.spectral_branch
            fit_spectral_branch(branch, *train.pixels, weights=weights, seed=seed, bend=bend)
        return learner

    @property
    def window_network(self) -> nn.Module:
        """The part that learns from windows: all of the network, but for a spectral branch."""
        return without_spectral_branch(self.network)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        self.draw()
        windows, classes = batch
        if self.recipe.rotate:
            windows = rotate_and_flip(windows)
        windows = self.shifted(windows)
        if self.own_loss is None:
            loss = self._cross_entropy(windows, classes)
        else:
            network, named = self.window_network, self.recipe.loss
            loss = own_loss_of(self.own_loss, named, network, windows, classes)
        self.train_loss.update(loss.detach(), len(classes))
        return loss

    def _cross_entropy(self, windows: Tensor, classes: Tensor) -> Tensor:
        targets = classes
        if self.recipe.mixup:
            windows, targets = mixup(windows, classes, count=self.classes, alpha=self.recipe.mixup)
        logits = self.window_network(windows)
        return F.cross_entropy(
            logits, targets, self.weights, label_smoothing=self.recipe.label_smoothing
        )

    def shifted(self, images: Tensor) -> Tensor:
        """Images (N, components, H, W) with augmented spectra, where the recipe says so."""
        if self.directions is not None:
            images = augment_spectra(images, self.directions, self.recipe.spectral_augmentation)
        return images if self.bend is None else bend_spectra(images, self.bend)

    def validate_on(self, batch: Batch) -> None:
        windows, classes = batch
        logits = self.network(windows)
        self.validation_loss.update(F.cross_entropy(logits, classes), len(classes))
        self.score.update(logits, classes)

    @property
    def course(self) -> Course:
        """The learning rate's, over the whole of the fit."""
        steps = int(self.trainer.estimated_stepping_batches)
        return Course(self.recipe, steps, self.passes * int(self.trainer.max_epochs or 1))

    @property
    def settled(self) -> bool:
        if self.recipe.schedule == "one-cycle":
            group = self.trainer.optimizers[0].param_groups[0]
            return bool(group["lr"] <= SETTLED * group["max_lr"])
        # The step that has just been taken: the rate of the next one may be lower.
        return self.course.settled(max(0, self.global_step - 1))

    def follow(self, loss: float) -> None:
        if self.plateau is not None:
            self.plateau.step(loss)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # By ourselves: Lightning writes its checkpoint first and lowers the rate then.
        if self.plateau is not None:
            checkpoint["plateau"] = self.plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._plateau_before = checkpoint.get("plateau")

    def configure_optimizers(self) -> Any:
        optimizer = optimizer_of(self.network, self.recipe)
        if self.recipe.schedule == "plateau":
            self.plateau = plateau(optimizer, self.recipe)
            if self._plateau_before is not None:
                self.plateau.load_state_dict(self._plateau_before)
        scheduler = self.course.scheduler(optimizer)
        return optimizer if scheduler is None else by_step(optimizer, scheduler)


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
    light: NDArray[np.float64] | None = None,
    loss: Loss | None = None,
) -> Fit:
    """Fit `network` in place on batches of windows, see :func:`spectile.training.fit.fit`.

    It ends with the weights of the epoch with the lowest validation loss. Under schedules that
    lower the learning rate by themselves only epochs count in which it has come down to a tenth of
    its maximum, or as far as it goes. `light` (components,) is what the curve of light adds that a
    recipe's light augmentation bends spectra by. A `loss` in memory takes the place of the one that
    the recipe names, see :func:`spectile.training.own_loss.own_loss_of`.

    Raises InputError for settings that have no meaning beside others, for a loss that is none, for
    a schedule that follows the validation loss where there are no such windows, and as `fit` does.
    """
    refuse_misplaced(recipe)
    refuse_blind_plateau(recipe, len(validation))
    own = own_loss(recipe.loss, loss)
    if own is not None and hardware.devices > 1:
        check_sent(own, recipe.loss)
    batch = recipe.batch or BATCH
    return fit(
        WindowClassifier.of(
            network, train, recipe, classes=classes, seed=seed, light=light, loss=own
        ),
        Loaders(
            train,
            validation,
            batch=batch,
            validation_batch=VALIDATION_BATCH,
            seed=seed,
            whole=_leaves_one(network, len(train), batch * hardware.devices),
        ),
        epochs=recipe.epochs_for(len(train)),
        patience=recipe.patience,
        clip=recipe.clip,
        checkpoints=checkpoints,
        resume=resume,
        hardware=hardware,
        quiet=quiet,
    )


def _leaves_one(network: nn.Module, windows: int, batch: int) -> bool:
    """Whether an epoch would end in a single window that a network can't learn from.

    Its batch statistics say nothing, and some networks take no window alone.
    """
    normalised = any(isinstance(module, AnyBatchNorm) for module in network.modules())
    adaptation = adaptation_of(network)
    needs_more = adaptation is not None and adaptation.single != "taken"
    return (normalised or needs_more) and windows % batch == 1
