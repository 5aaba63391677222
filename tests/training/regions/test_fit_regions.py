"""Training on shared trunks: the gradients of the windows, steps from all over the scene, fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from spectile import networks
from spectile.data.datasets.simulated import simulate
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.networks.spectral_branch import WithSpectralBranch
from spectile.networks.windows.regions import TrainsOnRegions, cut_out, why_not_on_regions
from spectile.training.fit import Fit, Hardware
from spectile.training.learners.window_classifier import fit_windows
from spectile.training.recipes import Recipe
from spectile.training.regions import labelled_regions as regions_module
from spectile.training.regions import region_gradients
from spectile.training.regions.fit_regions import Places, fit_regions, rotated
from spectile.training.regions.labelled_regions import (
    Deal,
    LabelledRegions,
    Region,
    RegionSteps,
    WindowGroup,
    square_edge,
)
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.regions.region_gradients import region_logits, region_loss

CLASSES = 3
WINDOW = 9
CPU = Hardware("cpu", precision="32-true")


def summed(logits: Tensor, classes: Tensor) -> Tensor:
    return F.cross_entropy(logits, classes, reduction="sum")


def material(
    height: int, width: int, bands: int, count: int, seed: int = 0
) -> tuple[Scene, Preprocessing, Places]:
    pixels, labels = simulate(height, width, bands, CLASSES, seed=seed)
    reducer = fit_reducer("standardise", pixels.reshape(bands, -1).T)
    rng = np.random.default_rng(seed)
    places = rng.choice(height * width, count, replace=False)
    # Corners see the most of the padding.
    rows, columns = np.divmod(np.concatenate([places, [0, height * width - 1]]), width)
    classes = labels[rows, columns].astype(np.int64) - 1
    preprocessing = Preprocessing(tuple(range(bands)), reducer, "reflect")
    return scene_from_array(pixels), preprocessing, (rows, columns, classes)


def exact(
    name: str, bands: int, window: int, dropout: float = 0.0, spectral_branch: float = 0.0
) -> Any:
    torch.manual_seed(1)
    return networks.create(
        name,
        bands=bands,
        classes=CLASSES,
        window=window,
        dropout=dropout,
        spectral_branch=spectral_branch,
    ).double()


def doubled(region: Region) -> Region:
    return region._replace(components=region.components.double())


def largest_difference(network: nn.Module, ours: Tensor, patches: Tensor) -> float:
    """Between the gradients of two losses, as a share of the largest gradient of each weight."""
    weights = list(network.parameters())
    pairs = zip(
        torch.autograd.grad(ours, weights), torch.autograd.grad(patches, weights), strict=True
    )
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "bands", "window", "size", "edge"),
    [
        ("hybridsn-se", 13, 11, (23, 31), 40),
        ("hybridsn", 17, 9, (19, 14), 40),
        ("hybridsn-se", 6, 13, (40, 37), 16),
        ("hybridsn", 30, 9, (33, 35), 32),
        ("hybridsn-2d", 7, 11, (23, 31), 16),
        ("hybridsn-3d", 6, 11, (19, 14), 40),
        ("hybridsn-3d", 40, 9, (19, 14), 40),
    ],
)
@pytest.mark.parametrize("symmetry", range(8))
def test_loss_and_gradients_are_those_of_the_windows(
    name: str, bands: int, window: int, size: tuple[int, int], edge: int, symmetry: int
) -> None:
    scene, preprocessing, places = material(*size, bands, 20, seed=symmetry)
    network = exact(name, bands, window)
    cuts, classes = LabelledWindows(scene, preprocessing, window, *places).__getitems__(
        range(len(places[0]))
    )
    cuts = cuts.double().rot90(symmetry % 4, (2, 3))
    patches = summed(network(cuts.flip(3) if symmetry >= 4 else cuts), classes)
    held = LabelledRegions(scene, preprocessing, window, *places, edge=edge)
    assert (len(held.parts) > 1) == (edge < max(size))
    ours = region_loss(
        network, [doubled(rotated(part, symmetry, window)) for part in held.parts], summed
    )
    assert float(ours.detach()) == pytest.approx(float(patches.detach()), rel=1e-12)
    assert largest_difference(network, ours, patches) < 1e-9


@pytest.mark.parametrize("value", [1e3, 1e12, 1e30])
@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bf16"])
def test_a_hot_pixel_that_no_window_holds_changes_no_gradient(value: float, bf16: bool) -> None:
    torch.manual_seed(0)
    network = networks.create("hybridsn", bands=13, classes=CLASSES, window=WINDOW, dropout=0.0)
    assert isinstance(network, TrainsOnRegions)
    components = torch.randn(13, 40, 30)
    rows, columns = torch.tensor([0, 31, 3, 0]), torch.tensor([0, 21, 20, 21])
    hot = components.clone()
    hot[:, 20, 15], hot[4, 39, 0] = value, -value
    weights = list(network.parameters())
    found = []
    for image in (components, hot):
        region = Region(image, rows, columns, torch.tensor([0, 1, 2, 0]))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = region_loss(network, [region], summed)
        found.append([loss.detach(), *torch.autograd.grad(loss, weights)])
    for clean, beside in zip(*found, strict=True):
        assert (clean - beside).abs().max() <= 1e-5 * clean.abs().max()


def test_some_windows_of_a_part_are_trimmed_to_what_they_see() -> None:
    scene, preprocessing, places = material(40, 50, 6, 30)
    network = exact("hybridsn-se", 6, WINDOW)
    held = LabelledRegions(scene, preprocessing, WINDOW, *places, edge=64)
    few = np.array([3, 7, 8])
    (region,) = held.__getitems__([WindowGroup(0, few)])
    assert region.components.numel() < held.parts[0].components.numel()
    cuts, classes = LabelledWindows(scene, preprocessing, WINDOW, *places).__getitems__(few)
    patches = summed(network(cuts.double()), classes)
    ours = region_loss(network, [doubled(region)], summed)
    assert largest_difference(network, ours, patches) < 1e-9


def test_dropout_falls_on_each_window_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_gradients, "WINDOWS", 8)
    scene, preprocessing, places = material(20, 22, 8, 20)
    network = exact("hybridsn-se", 8, WINDOW, dropout=0.4)
    part = doubled(LabelledRegions(scene, preprocessing, WINDOW, *places, edge=64).parts[0])
    cuts, classes = LabelledWindows(scene, preprocessing, WINDOW, *places).__getitems__(
        range(len(places[0]))
    )
    torch.manual_seed(3)
    patches = torch.stack(
        [
            summed(network(windows), own)
            for windows, own in zip(cuts.double().split(8), classes.split(8), strict=True)
        ]
    ).sum()
    torch.manual_seed(3)
    ours = region_loss(network, [part], summed)
    assert largest_difference(network, ours, patches) < 1e-9


def test_frozen_weights_get_no_gradient_and_the_rest_the_same() -> None:
    scene, preprocessing, places = material(20, 22, 8, 10)
    network = exact("hybridsn-se", 8, WINDOW)
    part = doubled(LabelledRegions(scene, preprocessing, WINDOW, *places, edge=64).parts[0])
    region_loss(network, [part], summed).backward()
    expected = network.classifier[-1].weight.grad.clone()
    network.zero_grad()
    network.requires_grad_(False)
    network.classifier[-1].requires_grad_(True)
    region_loss(network, [part], summed).backward()
    torch.testing.assert_close(network.classifier[-1].weight.grad, expected)
    assert network.classifier[1].weight.grad is None


@pytest.mark.parametrize("spectral_branch", [0.0, 0.4])
def test_validation_sees_the_windows(spectral_branch: float) -> None:
    scene, preprocessing, places = material(21, 26, 7, 12)
    network = exact("hybridsn-se", 7, WINDOW, 0.4, spectral_branch).eval()
    part = LabelledRegions(scene, preprocessing, WINDOW, *places, edge=64).parts[0]
    cuts, _ = LabelledWindows(scene, preprocessing, WINDOW, *places).__getitems__(
        range(len(places[0]))
    )
    torch.testing.assert_close(region_logits(network, doubled(part)), network(cuts.double()))


@given(
    counts=st.lists(st.integers(1, 5000), min_size=1, max_size=60),
    seed=st.integers(0, 3),
    epoch=st.integers(0, 3),
)
def test_a_pass_takes_each_window_once_in_steps_from_all_over(
    counts: list[int], seed: int, epoch: int
) -> None:
    steps = RegionSteps(counts, seed=seed)
    steps.set_epoch(epoch)
    drawn = list(steps)
    assert len(drawn) == len(steps) == steps.passes * steps.pass_steps
    first = drawn[: steps.pass_steps]
    taken: list[list[int]] = [[] for _ in counts]
    for step in first:
        for part, windows in step:
            taken[part] += windows.tolist()
    assert [sorted(windows) for windows in taken] == [list(range(count)) for count in counts]
    for step in first:
        assert len(step) >= min(regions_module.SPREAD, len(counts)) - (len(counts) > 1)
        assert max(len(windows) for _, windows in step) <= regions_module.PART_WINDOWS


@given(count=st.integers(1, 3000), batch=st.integers(1, 300))
def test_a_single_part_is_dealt_in_batches(count: int, batch: int) -> None:
    steps = RegionSteps([count], seed=0, batch=batch)
    first = list(steps)[: steps.pass_steps]
    assert len(first) == -(-count // batch)
    windows = np.concatenate([windows for ((_, windows),) in first])
    assert sorted(windows.tolist()) == list(range(count))
    assert max(len(windows) for ((_, windows),) in first) <= batch


def test_the_order_follows_from_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[list[tuple[int, list[int]]]]:
        steps = RegionSteps([5] * 40, seed=seed)
        steps.set_epoch(epoch)
        return [[(part, windows.tolist()) for part, windows in step] for step in steps]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


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


@pytest.mark.parametrize("parts", [1, 3, 20])
@pytest.mark.parametrize("devices", [2, 4])
def test_devices_share_a_step(parts: int, devices: int) -> None:
    scene, preprocessing, places = material(70, 80, 4, 150)
    held = LabelledRegions(
        scene, preprocessing, WINDOW, *places, edge={1: 80, 3: 40, 20: 16}[parts]
    )
    step = next(iter(RegionSteps([len(part.classes) for part in held.parts], seed=0)))
    dealt = [Deal(held, rank, devices).__getitems__(step) for rank in range(devices)]
    own = [region.classes for device in dealt for region in device.regions]
    for device in dealt:
        assert torch.equal(device.classes, dealt[0].classes)
    assert torch.equal(torch.cat(own).sort().values, dealt[0].classes.sort().values)


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


def test_squares_fit_into_the_memory_and_lie_all_over() -> None:
    scene, _, (rows, columns, _) = material(300, 300, 4, 500)
    small, _, _ = material(145, 140, 4, 10)
    assert square_edge(small, rows[:10], columns[:10], 24, room=1e5) == 73
    assert square_edge(small, rows[:10], columns[:10], 24, room=1e5, rotate=False) == 145
    assert square_edge(scene, rows, columns, 24, room=1e5) == 128
    assert square_edge(scene, rows, columns, 24, room=1e4) == 64
    # A corner of the scene has too few of the larger squares to choose from.
    corner = (rows < 140) & (columns < 90)
    assert square_edge(scene, rows[corner], columns[corner], 24, room=1e5) == 32


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
