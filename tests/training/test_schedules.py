"""Schedules of recipes: their rates, the epochs that may be kept, fits that go on after a stop."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.conftest import CLASSES, COMPONENTS, WINDOW
from tests.training.regions import small_scene
from torch import nn

from spectile import networks
from spectile.errors import InputError
from spectile.training.callbacks import History
from spectile.training.fit import Fit, Hardware
from spectile.training.learners.window_classifier import fit_windows
from spectile.training.optimizers import optimizer_of
from spectile.training.recipes import Recipe
from spectile.training.regions.fit_regions import fit_regions
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.schedules import Course, warm_cosine

Windows = tuple[LabelledWindows, LabelledWindows]
RECIPE = Recipe(window=WINDOW, epochs=6, batch=32, learning_rate=1e-2, optimizer="sgd")
CPU = Hardware("cpu", precision="32-true")


def small_network() -> nn.Module:
    torch.manual_seed(5)
    layers = nn.Linear(COMPONENTS * WINDOW**2, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, CLASSES)
    return nn.Sequential(nn.Flatten(), *layers)


def fitted_on_windows(
    windows: Windows, folder: Path, recipe: Recipe, *, resume: bool = False
) -> tuple[Fit, nn.Module]:
    network = small_network()
    fit = fit_windows(
        network,
        *windows,
        recipe,
        classes=CLASSES,
        seed=5,
        checkpoints=folder,
        resume=resume,
        hardware=CPU,
        quiet=True,
    )
    return fit, network


def fitted_on_regions(
    windows: Windows, folder: Path, recipe: Recipe, *, resume: bool = False
) -> tuple[Fit, nn.Module]:
    scene, preprocessing, (rows, columns, classes) = small_scene.material(24, 20, 6, 60)
    torch.manual_seed(5)
    network = networks.create("hybridsn-2d", bands=6, classes=CLASSES, window=WINDOW)
    fit = fit_regions(
        network,
        scene,
        preprocessing,
        (rows[:40], columns[:40], classes[:40]),
        (rows[40:], columns[40:], classes[40:]),
        # A row of its history is eight passes.
        replace(recipe, epochs=48, schedule_step=recipe.schedule_step and 16, batch=None),
        classes=small_scene.CLASSES,
        seed=5,
        checkpoints=folder,
        resume=resume,
        hardware=CPU,
        quiet=True,
    )
    return fit, network


def numbers(fit: Fit) -> list[dict[str, float]]:
    return [{k: v for k, v in r.items() if k not in ("seconds", "waiting")} for r in fit.history]


SCHEDULES: dict[str, dict[str, Any]] = {
    "one-cycle": {"optimizer": "adam"},
    "constant": {"optimizer": "adamw", "clip": 0.1},
    "cosine": {"optimizer": "rmsprop", "learning_rate": 1e-3, "momentum": 0.5},
    "step": {"schedule_step": 2, "schedule_factor": 0.5},
    # So that the weights rest, and the rate goes down.
    "plateau": {"schedule_patience": 0, "learning_rate": 1e-7},
}


@pytest.mark.parametrize(
    ("schedule", "fitted"),
    [
        *((schedule, fitted_on_windows) for schedule in SCHEDULES),
        *((schedule, fitted_on_regions) for schedule in ("step", "plateau")),
    ],
)
def test_a_stopped_fit_goes_on_to_the_same_end(
    schedule: Any, fitted: Any, windows: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, schedule=schedule, **SCHEDULES[schedule])
    whole, network = fitted(windows, tmp_path / "whole", recipe)

    def stop(self: History, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 3:
            raise KeyboardInterrupt
        finish(self, trainer, pl_module)

    finish = History.on_train_epoch_end
    with monkeypatch.context() as patched:
        patched.setattr(History, "on_train_epoch_end", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fitted(windows, tmp_path / "stopped", recipe)
    resumed, other = fitted(windows, tmp_path / "stopped", recipe, resume=True)
    assert len(whole.history) == 6
    if schedule != "constant":
        assert whole.history[-1]["learning_rate"] < whole.history[1]["learning_rate"]
    assert numbers(resumed) == numbers(whole)
    assert resumed.best_epoch == whole.best_epoch
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_step_lowers_the_rate_every_few_epochs(windows: Windows, tmp_path: Path) -> None:
    recipe = replace(RECIPE, schedule="step", **SCHEDULES["step"])
    fit, _ = fitted_on_windows(windows, tmp_path, recipe)
    # As it is after each epoch.
    rates = [row["learning_rate"] for row in fit.history]
    assert rates == pytest.approx([1e-2, 5e-3, 5e-3, 2.5e-3, 2.5e-3, 2.5e-3])
    assert fit.best_epoch in (5, 6)
    regions, _ = fitted_on_regions(windows, tmp_path / "regions", recipe)
    assert [row["learning_rate"] for row in regions.history] == pytest.approx(rates)


def test_plateau_lowers_the_rate_where_the_loss_rests(windows: Windows, tmp_path: Path) -> None:
    recipe = replace(RECIPE, schedule="plateau", schedule_factor=0.5, **SCHEDULES["plateau"])
    fit, _ = fitted_on_windows(windows, tmp_path, replace(recipe, schedule_patience=1))
    rates = [row["learning_rate"] / 1e-7 for row in fit.history]
    assert rates == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25])
    # Any epoch may be the best: the loss itself leads the rate.
    losses = [row["validation_loss"] for row in fit.history]
    assert fit.best_epoch == 1 + int(np.argmin(losses))


def test_cosine_falls_to_nothing(windows: Windows, tmp_path: Path) -> None:
    fit, _ = fitted_on_windows(windows, tmp_path, replace(RECIPE, schedule="cosine"))
    rates = np.array([row["learning_rate"] for row in fit.history])
    assert rates == pytest.approx(0.5e-2 * (1 + np.cos(np.pi * np.arange(1, 7) / 6)))
    assert fit.best_epoch >= 5


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"schedule": "constant"}, [0, 1, 2, 3, 4, 5]),
        ({"schedule": "plateau"}, [0, 1, 2, 3, 4, 5]),
        ({"schedule": "cosine"}, [4, 5]),
        # By default a third of the epochs; a tenth is low.
        ({"schedule": "step"}, [2, 3, 4, 5]),
        # Where it never comes down so far, the last level is as low as it gets.
        ({"schedule": "step", "schedule_factor": 0.5}, [4, 5]),
        ({"schedule": "step", "schedule_factor": 0.5, "schedule_step": 9}, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_epochs_that_may_be_kept(settings: dict[str, Any], kept: list[int]) -> None:
    course = Course(replace(RECIPE, **settings), steps=60, epochs=6)
    # After the last step of each.
    assert [e for e in range(6) if course.settled(10 * e + 9)] == kept


def test_a_large_gradient_is_scaled_down(windows: Windows, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1, batch=90, momentum=0.0, weight_decay=0.0)
    constant = replace(recipe, schedule="constant", learning_rate=1.0)
    moved = {}
    for clip in (0.0, 0.01):
        start = small_network()
        _, network = fitted_on_windows(windows, tmp_path / str(clip), replace(constant, clip=clip))
        pairs = zip(start.parameters(), network.parameters(), strict=True)
        moved[clip] = float(sum((one - two).detach().square().sum() for one, two in pairs)) ** 0.5
    assert moved[0.0] > 0.02  # so there was something to scale down
    assert moved[0.01] == pytest.approx(0.01, rel=1e-2)


def test_plateau_needs_a_validation_side(windows: Windows, tmp_path: Path) -> None:
    train, validation = windows
    none = LabelledWindows.__new__(LabelledWindows)
    none.window, none.tiles = validation.window, validation.tiles
    none.places, none.classes = validation.places[:0], validation.classes[:0]
    with pytest.raises(InputError, match="plateau follows the validation loss, and no pixels"):
        fitted_on_windows((train, none), tmp_path, replace(RECIPE, schedule="plateau"))


def test_momentum_is_what_the_recipe_says() -> None:
    """One cycle would move that of SGD as well."""
    recipe = replace(RECIPE, momentum=0.7)
    optimizer = optimizer_of(small_network(), recipe)
    scheduler = Course(recipe, 10, 5).scheduler(optimizer)
    assert scheduler is not None
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["momentum"] == 0.7


def test_warm_cosine_rises_then_falls_to_nothing() -> None:
    factors = [warm_cosine(step, 100, 0.1) for step in range(101)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10] == 1
    assert all(a > b for a, b in itertools.pairwise(factors[10:]))
    assert factors[100] == pytest.approx(0)
