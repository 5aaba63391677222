"""Region training: a fit ends where one on windows would, goes on after a stop, and refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.regions.small_scene import (
    CLASSES,
    CPU,
    WINDOW,
    doubled,
    largest_difference,
    material,
    summed,
)
from torch import Tensor, nn

from spectile import networks
from spectile.errors import InputError
from spectile.networks.spectral_branch import WithSpectralBranch
from spectile.networks.windows.region_training import cut_out, why_not_on_regions
from spectile.training.fit import Fit, Hardware
from spectile.training.learners.window_classifier import fit_windows
from spectile.training.recipes import Recipe
from spectile.training.regions.fit_regions import fit_regions
from spectile.training.regions.labelled_regions import LabelledRegions
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.regions.region_gradients import region_loss


def run(
    folder: Path,
    *,
    recipe: Recipe,
    hardware: Hardware = Hardware("cpu"),  # noqa: B008
    memory: float = 2.0,
    resume: bool = False,
    dropout: float = 0.4,
    spectral_branch: float = 0.0,
) -> tuple[Fit, nn.Module]:
    scene, preprocessing, (rows, columns, classes) = material(70, 80, 12, 150)
    torch.manual_seed(5)
    network = networks.create(
        "hybridsn-se",
        bands=12,
        classes=CLASSES,
        window=WINDOW,
        dropout=dropout,
        spectral_branch=spectral_branch,
    )
    fitted = fit_regions(
        network,
        scene,
        preprocessing,
        (rows[:100], columns[:100], classes[:100]),
        (rows[100:], columns[100:], classes[100:]),
        recipe,
        classes=CLASSES,
        seed=5,
        checkpoints=folder,
        hardware=hardware,
        quiet=True,
        memory=memory,
        resume=resume,
    )
    return fitted, network


RECIPE = Recipe(window=WINDOW, epochs=24, learning_rate=1e-3, optimizer="muon", label_smoothing=0.1)


def test_a_step_of_a_fit_is_the_one_of_patches(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=8, batch=200, rotate=False, schedule="constant")
    shared, _ = run(
        tmp_path / "shared", recipe=recipe, hardware=CPU, dropout=0.0, spectral_branch=0.5
    )
    scene, preprocessing, places = material(70, 80, 12, 150)
    torch.manual_seed(5)
    patches = networks.create(
        "hybridsn-se",
        bands=12,
        classes=CLASSES,
        window=WINDOW,
        dropout=0.0,
        spectral_branch=0.5,
    )
    train, validation = (
        LabelledWindows(scene, preprocessing, WINDOW, *(part[side] for part in places))
        for side in (slice(100), slice(100, None))
    )
    fitted = fit_windows(
        patches,
        train,
        validation,
        recipe,
        classes=CLASSES,
        seed=5,
        checkpoints=tmp_path / "patches",
        hardware=CPU,
        quiet=True,
    )
    assert shared.history[-1]["train_loss"] == pytest.approx(
        np.mean([row["train_loss"] for row in fitted.history]), rel=1e-3
    )
    last = fitted.history[-1]["validation_loss"]
    assert shared.history[-1]["validation_loss"] == pytest.approx(last, rel=1e-3)


@pytest.mark.parametrize("memory", [2.0, 0.001])
def test_a_fit_learns_and_repeats_itself(memory: float, tmp_path: Path) -> None:
    fitted, network = run(tmp_path / "one", recipe=RECIPE, memory=memory)
    assert fitted.history[-1]["train_loss"] < 0.8 * fitted.history[0]["train_loss"]
    again, other = run(tmp_path / "other", recipe=RECIPE, memory=memory)
    assert again.best_epoch == fitted.best_epoch
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_windows_and_spectra_are_fitted_apart(tmp_path: Path) -> None:
    _, without = run(tmp_path / "without", recipe=RECIPE)
    fitted, network = run(tmp_path / "with", recipe=RECIPE, spectral_branch=0.5)
    assert all(weight.requires_grad for weight in network.parameters())
    windows = without.state_dict()
    spectra = {name: w for name, w in network.state_dict().items() if name not in windows}
    for name, weight in network.state_dict().items():
        assert name in spectra or torch.equal(weight, windows[name])
    assert {name.split(".")[0] for name in spectra} == {"spectral_branch"}
    scene, preprocessing, (rows, columns, classes) = material(70, 80, 12, 150)
    held = LabelledRegions(
        scene, preprocessing, 1, rows[100:], columns[100:], classes[100:], edge=80
    )
    pixels, own = held.pixels
    assert isinstance(network, WithSpectralBranch)
    with torch.inference_mode():
        right = float((network.spectral_branch(pixels).argmax(1) == own).float().mean())
    assert right > 0.8
    assert fitted.history[-1]["validation_loss"] > 0


def test_a_stopped_fit_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, network = run(tmp_path / "whole", recipe=RECIPE)

    def stop(self: object, trainer: object, pl_module: object) -> None:
        if trainer.current_epoch == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        finish(self, trainer, pl_module)  # type: ignore[arg-type]

    from spectile.training.callbacks import History

    finish = History.on_train_epoch_end
    with monkeypatch.context() as patched:
        patched.setattr(History, "on_train_epoch_end", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run(tmp_path / "stopped", recipe=RECIPE)
    resumed, other = run(tmp_path / "stopped", recipe=RECIPE, resume=True)
    assert len(resumed.history) == len(whole.history) == 3
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_two_devices_end_at_the_weights_of_one(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1, rotate=False, class_weights=True, schedule="constant")
    one, two = (
        run(tmp_path / str(count), recipe=recipe, hardware=replace(CPU, devices=count), dropout=0.0)
        for count in (1, 2)
    )
    assert two[0].history[0]["train_loss"] == pytest.approx(one[0].history[0]["train_loss"], 1e-4)
    assert two[0].history[0]["validation_loss"] == pytest.approx(
        one[0].history[0]["validation_loss"], 1e-3
    )


class Own(nn.Module):
    """A user's network, which shares its convolution on regions."""

    def __init__(self, bands: int, classes: int, window: int, *, wrong: float = 0.0) -> None:
        super().__init__()
        self.bands, self.window, self.wrong = bands, window, wrong
        self.trunk = nn.Sequential(nn.Conv2d(bands, 6, 5), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(6 * (window - 4) ** 2, classes))
        self.bytes_a_pixel = 4 * 4 * (bands + 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x))

    def shared(self, region: Tensor) -> tuple[Tensor, ...]:
        return (self.trunk(region) + self.wrong,)

    def window_logits(self, shared: tuple[Tensor, ...], rows: Tensor, columns: Tensor) -> Tensor:
        return self.head(cut_out(shared[0], rows, columns, self.window - 4))


class Silent(nn.Module):
    """A user's network that offers nothing."""

    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(bands * window**2, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def with_branch(network: nn.Module, bands: int) -> nn.Module:
    return WithSpectralBranch(network, 0.5, bands=bands, classes=CLASSES)


def test_a_network_of_ones_own_is_trained_on_regions() -> None:
    torch.manual_seed(2)
    network = Own(7, CLASSES, WINDOW).double()
    assert why_not_on_regions(with_branch(network, 7)) is None
    scene, preprocessing, places = material(23, 31, 7, 20)
    held = LabelledRegions(scene, preprocessing, WINDOW, *places, edge=16)
    cuts, classes = LabelledWindows(scene, preprocessing, WINDOW, *places).__getitems__(
        range(len(places[0]))
    )
    ours = region_loss(network, [doubled(part) for part in held.parts], summed)
    assert largest_difference(network, ours, summed(network(cuts.double()), classes)) < 1e-9


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (lambda: Silent(8, CLASSES, WINDOW), "doesn't offer"),
        (lambda: Own(8, CLASSES, WINDOW, wrong=0.1), "other numbers on a region"),
        (lambda: networks.create("resnet-18", bands=8, classes=CLASSES), "doesn't offer"),
        (
            lambda: networks.create(
                "hybridsn", bands=8, classes=CLASSES, window=WINDOW, attention="coordinate"
            ),
            "batch normalisation",
        ),
        (
            lambda: networks.insert_attention(
                networks.create("hybridsn", bands=8, classes=CLASSES, window=WINDOW),
                "eca",
                where="spatial",
            ),
            "blocks inserted",
        ),
    ],
)
def test_other_networks_are_refused(
    network: Callable[[], nn.Module], reason: str, branch: bool, tmp_path: Path
) -> None:
    built = with_branch(network(), 8) if branch else network()
    refused(built, RECIPE, f"{reason}.*train it on windows", tmp_path)


def test_mixup_needs_windows(tmp_path: Path) -> None:
    network = networks.create("hybridsn", bands=8, classes=CLASSES, window=WINDOW)
    refused(network, replace(RECIPE, mixup=0.2), "leave out mixup, or add regions=False", tmp_path)


def refused(network: nn.Module, recipe: Recipe, sentence: str, folder: Path) -> None:
    scene, preprocessing, places = material(20, 22, 8, 10)
    with pytest.raises(InputError, match=sentence):
        fit_regions(
            network,
            scene,
            preprocessing,
            places,
            places,
            recipe,
            classes=CLASSES,
            seed=0,
            checkpoints=folder,
        )
