"""The course of a learning rate: what a recipe calls its schedule.

One cycle is Smith and Topin's ("Super-Convergence", 2018, arXiv:1708.07120), the cosine Loshchilov
and Hutter's without restarts ("SGDR", ICLR 2017, arXiv:1608.03983).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from spectile.errors import InputError
from spectile.training.recipes import Recipe

SETTLED = 0.1
"""Share of the highest learning rate below which the best epoch is looked for."""
RISING = 0.2
"""Share of the steps over which one cycle's rates rise."""
FACTOR, PATIENCE = 0.1, 10
"""Of the schedules that lower the rate at once; PyTorch's."""
STEPS_DOWN = 3
"""Levels of a rate that goes down in steps, where a recipe doesn't say when."""


@dataclass(frozen=True)
class Course:
    """How far the learning rate has come down after some of a fit's `steps`.

    `epochs` are those that a recipe counts, passes over the training windows.
    """

    recipe: Recipe
    steps: int
    epochs: int

    def factor(self, step: int) -> float:
        """What multiplies the learning rate at a step, from 0, of the schedules step and cosine."""
        if self.recipe.schedule == "cosine":
            return warm_cosine(step, self.steps, 0.0)
        every = self.recipe.schedule_step or math.ceil(self.epochs / STEPS_DOWN)
        epoch = min(step, self.steps - 1) * self.epochs // max(1, self.steps)
        return float(factor_of(self.recipe) ** (epoch // every))

    def settled(self, step: int) -> bool:
        """Whether weights may be kept after a step: the rate is low, or as low as it gets.

        A constant rate, and one that the validation loss itself leads, says of no epoch that it
        was early.
        """
        if self.recipe.schedule not in ("step", "cosine"):
            return True
        return self.factor(step) <= max(SETTLED, self.factor(self.steps - 1))

    def scheduler(self, optimizer: torch.optim.Optimizer) -> LRScheduler | None:
        """What changes the optimiser's rates step by step; None where it doesn't."""
        match self.recipe.schedule:
            case "one-cycle":
                return one_cycle(optimizer, self.recipe, self.steps)
            case "step" | "cosine":
                return LambdaLR(optimizer, self.factor)
            case _:
                return None


def one_cycle(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> OneCycleLR:
    """Up to the optimiser's rates over the first fifth of the steps, then down to nothing."""
    return OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        total_steps=max(2, steps),
        pct_start=RISING,
        # Adam's momentum goes against the rate, as Smith proposes; what a recipe says of that of
        # others is left alone, and Muon's is no setting of it.
        cycle_momentum=recipe.optimizer in ("adam", "adamw"),
    )


def plateau(optimizer: torch.optim.Optimizer, recipe: Recipe) -> ReduceLROnPlateau:
    """What lowers the rates where the validation loss has stopped falling."""
    patience = PATIENCE if recipe.schedule_patience is None else recipe.schedule_patience
    return ReduceLROnPlateau(optimizer, factor=factor_of(recipe), patience=patience, eps=0.0)


def factor_of(recipe: Recipe) -> float:
    """What the learning rate is multiplied by where it goes down at once."""
    return FACTOR if recipe.schedule_factor is None else recipe.schedule_factor


def warm_cosine(step: int, steps: int, warm_up: float) -> float:
    """A factor that rises over the share `warm_up` of `steps`, then falls to 0 by a cosine."""
    rising = round(warm_up * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))


def refuse_blind_plateau(recipe: Recipe, validation: int) -> None:
    """Raise InputError for a schedule that follows the validation loss, without such pixels."""
    if recipe.schedule == "plateau" and not validation:
        raise InputError(
            "the schedule plateau follows the validation loss, and no pixels are left for it: "
            "choose another --schedule, or a larger share of --validation."
        )
