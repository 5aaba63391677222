"""The gradients of region training are those of the windows."""

from __future__ import annotations

import pytest
import torch
from tests.training.regions.small_scene import (
    CLASSES,
    WINDOW,
    doubled,
    exact,
    largest_difference,
    material,
    summed,
)

from spectile import networks
from spectile.networks.windows.region_training import TrainsOnRegions
from spectile.training.regions import region_gradients
from spectile.training.regions.fit_regions import rotated
from spectile.training.regions.labelled_regions import LabelledRegions, Region
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.regions.region_gradients import region_logits, region_loss


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
