"""What a recipe's optimiser is: PyTorch's by the names that papers use, and Muon."""

from __future__ import annotations

import torch
from torch import nn

from spectile.training.muon import Muon
from spectile.training.recipes import Recipe

MUON_RATES = (10, 2)
"""Of kernels and other weights, to a recipe's learning rate, which is one of Adam's."""
SGD_MOMENTUM, RMSPROP_MOMENTUM = 0.9, 0.0


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser for the weights of `network`.

    Weight decay is what each means by it: AdamW and Muon shrink the weights apart from the gradient
    (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv:1711.05101),
    the others add them to it.

    Muon is for steps of a thousand windows, of which a fit takes few: on Indian Pines it needs less
    than half of Adam's to the same accuracy. Larger rates don't hurry Adam but keep it from
    learning.
    """
    weights, rate, decay = network.parameters(), recipe.learning_rate, recipe.weight_decay
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(weights, rate, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(weights, rate, weight_decay=decay)
        case "adagrad":
            return torch.optim.Adagrad(weights, rate, weight_decay=decay)
        case "sgd":
            momentum = SGD_MOMENTUM if recipe.momentum is None else recipe.momentum
            return torch.optim.SGD(weights, rate, momentum=momentum, weight_decay=decay)
        case "rmsprop":
            momentum = RMSPROP_MOMENTUM if recipe.momentum is None else recipe.momentum
            return torch.optim.RMSprop(weights, rate, momentum=momentum, weight_decay=decay)
        case "muon":
            kernels, others = (times * rate for times in MUON_RATES)
            return Muon(network, kernels, lr_of_others=others, weight_decay=decay)
        case "auto":
            raise ValueError("a learner says what auto is")
