"""What a recipe says of steps: the optimiser and the course of its rates."""

from __future__ import annotations

import torch
from torch import nn

from spectile.training.muon import Muon
from spectile.training.recipes import Recipe

MUON_RATES = (10, 2)
"""Of kernels and other weights, to a recipe's learning rate, which is one of Adam's."""
RISING = 0.2
"""Share of the steps over which one cycle's rates rise."""


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser for the weights of `network`.

    Muon is for steps of a thousand windows, of which a fit takes few: on Indian Pines it needs less
    than half of Adam's to the same accuracy. Larger rates don't hurry Adam but keep it from
    learning.
    """
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adam":
        return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    kernels, others = (times * rate for times in MUON_RATES)
    return Muon(network, kernels, lr_of_others=others, weight_decay=decay)


def one_cycle(
    optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Up to the optimiser's rates over the first fifth of the steps, then down to nothing."""
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        total_steps=max(2, steps),
        pct_start=RISING,
        # Muon's momentum is no setting of it; Adam's goes against the rate, as Smith proposes.
        cycle_momentum=recipe.optimizer == "adam",
    )
