"""The optimisers of recipes: what each makes of a gradient, momentum and weight decay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from spectile.training.learners.window_classifier import WindowClassifier
from spectile.training.optimizers import optimizer_of
from spectile.training.recipes import Recipe
from spectile.training.regions.fit_regions import RegionClassifier


def after_steps(*, steps: int = 2, gradient: float = 1.0, **settings: Any) -> float:
    """A weight of 1 after some steps down a slope."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.ones_(layer.weight)
    optimizer = optimizer_of(layer, Recipe(learning_rate=0.1, **settings))
    for _ in range(steps):
        layer.weight.grad = torch.full_like(layer.weight, gradient)
        optimizer.step()
    return float(layer.weight.detach())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # v = 1, then 0.9 + 1.
        ({"optimizer": "sgd", "weight_decay": 0.0}, 1 - 0.1 * (1 + 1.9)),
        ({"optimizer": "sgd", "weight_decay": 0.0, "momentum": 0.5}, 1 - 0.1 * (1 + 1.5)),
        ({"optimizer": "sgd", "weight_decay": 0.0, "momentum": 0.0}, 1 - 0.1 * 2),
        # Adam's steps are as large as the rate, whatever the slope.
        ({"optimizer": "adam", "weight_decay": 0.0}, 0.8),
        ({"optimizer": "adamw", "weight_decay": 0.0}, 0.8),
        # By the root of the sum of squares.
        ({"optimizer": "adagrad", "weight_decay": 0.0}, 1 - 0.1 * (1 + 0.5**0.5)),
        # The mean square is 0.01, then 0.0199.
        ({"optimizer": "rmsprop", "weight_decay": 0.0}, 1 - 0.1 * (10 + 0.0199**-0.5)),
        ({"optimizer": "rmsprop", "weight_decay": 0.0, "momentum": 0.9}, 1 - 0.1 * (19 + 7.0888)),
    ],
)
def test_two_steps_by_hand(settings: dict[str, Any], expected: float) -> None:
    assert after_steps(**settings) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        # Added to the gradient, 1 + 0.5 * 1.
        ("sgd", 1 - 0.1 * 1.5),
        # Which Adam divides by its own size again.
        ("adam", 0.9),
        ("rmsprop", 1 - 0.1 * 10),
        # Apart: the weight shrinks by rate times decay, and then the step of a plain Adam.
        ("adamw", 1 - 0.1 * 0.5 - 0.1),
        ("muon", 1 - 0.2 * 0.5 - 0.2),
    ],
)
def test_weight_decay_is_what_each_means_by_it(optimizer: Any, expected: float) -> None:
    found = after_steps(steps=1, optimizer=optimizer, weight_decay=0.5)
    assert found == pytest.approx(expected, abs=1e-4)


def test_auto_goes_by_how_a_fit_takes_its_windows() -> None:
    network, recipe = nn.Linear(2, 2), Recipe(optimizer="auto")
    for kind, expected in ((WindowClassifier, "adamw"), (RegionClassifier, "muon")):
        learner = kind(network, recipe, classes=2, seed=0, weights=None)
        assert learner.recipe == replace(recipe, optimizer=expected)
        told = kind(network, replace(recipe, optimizer="sgd"), classes=2, seed=0, weights=None)
        assert told.recipe.optimizer == "sgd"
