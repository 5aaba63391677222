"""Fits: repeatable, resumable after a kill, with the best weights at the end."""

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.training.conftest import CLASSES, COMPONENTS, WINDOW
from torch import nn

from spectile import networks
from spectile.errors import InputError
from spectile.training.callbacks import History
from spectile.training.fit import Fit, Hardware
from spectile.training.imbalance import rarity
from spectile.training.learners.window_classifier import fit_windows
from spectile.training.recipes import Recipe
from spectile.training.regions.labelled_windows import LabelledWindows

Windows = tuple[LabelledWindows, LabelledWindows]
RECIPE = Recipe(window=WINDOW, components=COMPONENTS, epochs=5, batch=16, learning_rate=3e-3)


def run(
    windows: Windows,
    folder: Path,
    *,
    recipe: Recipe = RECIPE,
    resume: bool = False,
    hardware: Hardware = Hardware("cpu", precision="32-true"),  # noqa: B008
) -> tuple[Fit, nn.Module]:
    torch.manual_seed(5)
    network = networks.create("hybridsn-se", bands=COMPONENTS, classes=CLASSES, window=WINDOW)
    fitted = fit_windows(
        network,
        *windows,
        recipe,
        classes=CLASSES,
        seed=5,
        checkpoints=folder,
        resume=resume,
        hardware=hardware,
        quiet=True,
    )
    return fitted, network


def numbers(fitted: Fit) -> list[dict[str, float]]:
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "waiting")} for row in fitted.history
    ]


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def reference(windows: Windows, tmp_path_factory: pytest.TempPathFactory) -> tuple[Fit, nn.Module]:
    return run(windows, tmp_path_factory.mktemp("reference"))


def test_learns_and_says_how(reference: tuple[Fit, nn.Module], windows: Windows) -> None:
    fitted, network = reference
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4, 5]
    assert fitted.history[-1]["train_loss"] < 0.8 * fitted.history[0]["train_loss"]
    settled = [row for row in fitted.history if row["learning_rate"] <= 0.1 * 3e-3]
    best = min(settled, key=lambda row: row["validation_loss"])
    assert fitted.best_epoch == best["epoch"]
    cuts, classes = windows[1].__getitems__(range(len(windows[1])))
    with torch.inference_mode():
        loss = float(nn.functional.cross_entropy(network(cuts), classes))
    assert loss == pytest.approx(best["validation_loss"], rel=1e-4)


def test_two_runs_are_identical(
    reference: tuple[Fit, nn.Module], windows: Windows, tmp_path: Path
) -> None:
    torch.rand(7)  # whatever chance was used before must not matter
    again = run(windows, tmp_path)
    assert numbers(again[0]) == numbers(reference[0])
    assert same_weights(again[1], reference[1])


def _killed_in_epoch(number: int, windows: Windows, folder: Path) -> None:
    def die(self: History, trainer: object, pl_module: object) -> None:
        if trainer.current_epoch + 1 == number:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGKILL)
        finish(self, trainer, pl_module)  # type: ignore[arg-type]

    finish = History.on_train_epoch_end
    History.on_train_epoch_end = die  # type: ignore[method-assign, assignment]
    torch.set_num_threads(1)
    run(windows, folder)


@pytest.mark.parametrize("epoch", [1, 4])
def test_a_killed_fit_goes_on_to_the_same_end(
    epoch: int, reference: tuple[Fit, nn.Module], windows: Windows, tmp_path: Path
) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_killed_in_epoch, args=(epoch, windows, tmp_path)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    resumed = run(windows, tmp_path, resume=True)
    assert [row["epoch"] for row in resumed[0].history] == [1, 2, 3, 4, 5]
    for row, expected in zip(numbers(resumed[0]), numbers(reference[0]), strict=True):
        assert row == pytest.approx(expected, rel=1e-4)  # the processes' thread counts differ
    assert resumed[0].best_epoch == reference[0].best_epoch


def test_resuming_a_finished_fit_changes_nothing(
    reference: tuple[Fit, nn.Module], windows: Windows, tmp_path: Path
) -> None:
    run(windows, tmp_path)
    again = run(windows, tmp_path, resume=True)
    assert numbers(again[0]) == numbers(reference[0])
    assert same_weights(again[1], reference[1])


def test_early_stopping_stops_and_stays_stopped(windows: Windows, tmp_path: Path) -> None:
    # A rate this high never improves on the first epochs.
    recipe = replace(
        RECIPE, epochs=30, patience=2, learning_rate=0.5, schedule="constant", rotate=False
    )
    fitted, _ = run(windows, tmp_path, recipe=recipe)
    assert fitted.best_epoch + 2 == len(fitted.history) < 30
    resumed, _ = run(windows, tmp_path, recipe=recipe, resume=True)
    assert numbers(resumed) == numbers(fitted)


def test_without_validation_pixels_the_last_epoch_counts(windows: Windows, tmp_path: Path) -> None:
    train, validation = windows
    none = LabelledWindows.__new__(LabelledWindows)
    none.window, none.tiles = validation.window, validation.tiles
    none.places, none.classes = validation.places[:0], validation.classes[:0]
    fitted, _ = run((train, none), tmp_path, recipe=replace(RECIPE, epochs=2))
    assert fitted.best_epoch == 2
    assert "validation_loss" not in fitted.history[0]


def test_class_weights_average_to_one_over_the_windows(windows: Windows) -> None:
    weights = rarity(windows[0].classes, CLASSES + 1)
    counts = torch.bincount(windows[0].classes, minlength=CLASSES)
    assert float((weights[:CLASSES] * counts).sum()) == pytest.approx(len(windows[0]))
    assert torch.allclose(weights[:CLASSES] * counts, weights[0] * counts[0])


def test_two_processes_learn_together_and_validate_as_one(
    windows: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five batches for two; the weights all but rest, so that the numbers are those of one.
    monkeypatch.setattr("spectile.training.learners.window_classifier.VALIDATION_BATCH", 7)
    recipe = replace(RECIPE, epochs=2, learning_rate=1e-9)
    one, two = (
        run(windows, tmp_path / str(devices), recipe=recipe, hardware=hardware)[0].history
        for devices in (1, 2)
        for hardware in [Hardware("cpu", devices=devices, precision="32-true")]
    )
    assert len(one) == len(two) == 2
    for name in ("validation_loss", "validation_accuracy"):
        assert [row[name] for row in two] == pytest.approx([row[name] for row in one], rel=1e-5)
    right = one[0]["validation_accuracy"] * len(windows[1])
    assert right == pytest.approx(round(right), abs=1e-4)


def test_hardware_that_is_not_there_is_an_input_error(windows: Windows, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="accelerator warp"):
        run(windows, tmp_path, hardware=Hardware("warp"))
