"""Losses of one's own: what they are called with, how they learn, and what is wrong with others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.conftest import CLASSES, COMPONENTS, WINDOW
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.errors import InputError
from spectile.networks import build_window_network
from spectile.training.fit import Fit, Hardware
from spectile.training.learners.window_classifier import WindowClassifier, fit_windows
from spectile.training.own_loss import check_sent, own_loss, own_loss_of, try_loss
from spectile.training.recipes import Recipe
from spectile.training.regions.labelled_windows import LabelledWindows

Windows = tuple[LabelledWindows, LabelledWindows]
RECIPE = Recipe(window=WINDOW, epochs=2, batch=30, learning_rate=3e-3)
FILE = """
import torch
from torch.nn import functional as F

def reconstruction(outputs, classes, windows):
    logits, rebuilt = outputs["logits"], outputs["rebuilt"]
    return F.cross_entropy(logits, classes) + F.mse_loss(rebuilt, windows.flatten(1))

def plain(outputs, classes, windows):
    return F.cross_entropy(outputs, classes)

class Smooth(torch.nn.Module):
    def __init__(self, by=0.1):
        super().__init__()
        self.by = by

    def forward(self, outputs, classes, windows):
        return F.cross_entropy(outputs, classes, label_smoothing=self.by)
"""


class TwoHeads(nn.Module):
    """It gives logits, and on demand what it makes of its own input."""

    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(bands * window**2, 16), nn.ReLU())
        self.logits = nn.Linear(16, classes)
        self.decoder = nn.Linear(16, bands * window**2)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.body(x))

    def outputs(self, x: Tensor) -> dict[str, Tensor]:
        features = self.body(x)
        return {"logits": self.logits(features), "rebuilt": self.decoder(features)}


def plain(outputs: Tensor, classes: Tensor, windows: Tensor) -> Tensor:
    return F.cross_entropy(outputs, classes)


def network(spectral_branch: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"bands": COMPONENTS, "classes": CLASSES, "window": WINDOW}
    options = {"spectral_branch": spectral_branch} if spectral_branch else {}
    return build_window_network(TwoHeads, **sizes, options=options)


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(COMPONENTS * WINDOW**2, CLASSES))


def fitted(
    windows: Windows, folder: Path, recipe: Recipe, devices: int = 1, **given: Any
) -> tuple[Fit, nn.Module]:
    built = given.pop("network", None) or network(given.pop("spectral_branch", 0.0))
    fit = fit_windows(
        *(built, *windows, recipe),
        classes=CLASSES,
        seed=0,
        checkpoints=folder,
        hardware=Hardware("cpu", devices=devices, precision="32-true"),
        quiet=True,
        **given,
    )
    return fit, built


@pytest.fixture
def losses(tmp_path: Path) -> Path:
    file = tmp_path / "losses.py"
    file.write_text(FILE)
    return file


@pytest.mark.parametrize("spectral_branch", [0.0, 0.5])
def test_a_loss_gets_all_that_the_network_gives(
    spectral_branch: float, losses: Path, windows: Windows, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, loss=f"{losses}:reconstruction")
    start = network(spectral_branch).state_dict()
    fit, built = fitted(windows, tmp_path / "run", recipe, spectral_branch=spectral_branch)
    moved = {n for n, w in built.state_dict().items() if not torch.equal(w, start[n])}
    assert {"logits.weight", "decoder.weight", "body.1.weight"} <= moved
    # The validation loss stays the cross-entropy of the logits, by which epochs are compared.
    cuts, classes = windows[1].__getitems__(range(len(windows[1])))
    with torch.inference_mode():
        expected = float(F.cross_entropy(built(cuts), classes))
    assert fit.history[fit.best_epoch - 1]["validation_loss"] == pytest.approx(expected, rel=1e-4)
    assert fit.history[-1]["train_loss"] < fit.history[0]["train_loss"]


def test_cross_entropy_of_ones_own_learns_as_ours(
    losses: Path, windows: Windows, tmp_path: Path
) -> None:
    weights = []
    for number, (settings, loss) in enumerate(
        [
            ({}, None),
            ({"loss": f"{losses}:plain"}, None),
            ({"loss": "plain"}, plain),
            ({"label_smoothing": 0.1}, None),
            ({"loss": f"{losses}:Smooth"}, None),
        ]
    ):
        recipe = replace(RECIPE, **settings)
        _, built = fitted(windows, tmp_path / str(number), recipe, network=linear(), loss=loss)
        weights.append(built.get_parameter("1.weight"))
    ours, file, memory, smoothed, smooth = weights
    assert torch.equal(ours, file)
    assert torch.equal(ours, memory)
    assert torch.equal(smoothed, smooth)
    assert not torch.equal(ours, smooth)


def test_a_loss_in_a_file_goes_to_several_devices(
    losses: Path, windows: Windows, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, epochs=1, loss=f"{losses}:reconstruction")
    fit, _ = fitted(windows, tmp_path / "run", recipe, devices=2)
    assert fit.history[0]["train_loss"] > 0
    with pytest.raises(InputError, match=r"the loss mine can't be sent to several devices \("):
        fitted(windows, tmp_path / "no", replace(recipe, loss="mine"), 2, loss=lambda *_: _)
    check_sent(plain, "plain")


def no_gradient(outputs: Tensor, classes: Tensor, windows: Tensor) -> Tensor:
    return (outputs.argmax(1) == classes).float().mean()


def logarithm_of_nothing(outputs: Tensor, classes: Tensor, windows: Tensor) -> Tensor:
    return (outputs * 0).log().sum()


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda o, c, w: F.cross_entropy(o, c, reduction="none"), r"gave a tensor \(4,\): return"),
        (lambda o, c, w: 1.5, "gave 1.5: return one number"),
        (lambda o, c, w: c.sum(), r"gave a tensor \(\): return one number"),
        (lambda o, c: 1.5, r"failed \(TypeError: .*it is called with what the network gives"),
        (lambda o, c, w: o.rebuilt, r"failed \(line \d+: AttributeError: 'Tensor' object has no"),
        (no_gradient, "gave a number that no gradient leads back from"),
        (logarithm_of_nothing, "gave (nan|-inf) for windows of random numbers"),
    ],
)
def test_a_loss_that_gives_no_number_is_told_before_the_fit(loss: Any, said: str) -> None:
    sizes = {"bands": COMPONENTS, "classes": CLASSES, "window": WINDOW}
    with pytest.raises(InputError, match=f"the loss mine {said}") as caught:
        try_loss(loss, "mine", linear(), **sizes)
    assert "\n" not in str(caught.value)


def test_trying_a_loss_moves_no_chance() -> None:
    network = linear()
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    try_loss(plain, "plain", network, bands=COMPONENTS, classes=CLASSES, window=WINDOW)
    assert torch.equal(torch.rand(3), expected)


class Weighted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, outputs: Tensor, classes: Tensor, windows: Tensor) -> Tensor:
        return self.weight * F.cross_entropy(outputs, classes)


class Needy:
    def __init__(self, weights: Tensor) -> None:
        self.weights = weights


@pytest.mark.parametrize(
    ("named", "found", "said"),
    [
        ("cros-entropy", None, "there is no loss 'cros-entropy': leave it out for cross-entropy"),
        ("Needy", Needy, "the loss Needy can't be made"),
        ("Weighted", Weighted, "the loss Weighted has weights of its own"),
        ("a.py:table", {}, "the loss a.py:table is a dict: name a function"),
        ("torch.nn:NoLoss", None, "torch.nn has no NoLoss"),
    ],
)
def test_what_is_no_loss(named: str, found: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        own_loss(named, found)


def test_cross_entropy_is_no_loss_of_ones_own() -> None:
    assert own_loss("cross-entropy") is None
    assert own_loss("plain", plain) is plain


class Costs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("costs", torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, outputs: Tensor, classes: Tensor, windows: Tensor) -> Tensor:
        return F.cross_entropy(outputs, classes, self.costs)


def test_a_loss_moves_to_the_device_with_its_tables(windows: Windows) -> None:
    recipe = replace(RECIPE, loss="Costs", rotate=False)
    learner = WindowClassifier.of(
        linear(), windows[0], recipe, classes=CLASSES, seed=0, loss=own_loss("Costs", Costs())
    )
    assert any(name.endswith("costs") for name, _ in learner.named_buffers())
    cuts, classes = windows[0].__getitems__(range(8))
    expected = F.cross_entropy(learner.network(cuts), classes, torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(own_loss_of(learner.own_loss, "", learner.network, cuts, classes), expected)


class LayerOfThatName(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.outputs = nn.Linear(2, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.outputs(x[:, :, 0, 0])


def test_a_layer_called_outputs_is_no_method() -> None:
    windows, classes = torch.ones(2, 2, 3, 3), torch.zeros(2, dtype=torch.int64)
    assert own_loss_of(plain, "plain", LayerOfThatName(), windows, classes).detach() > 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"mixup": 0.2},
            "mixup goes with loss cross-entropy, not with .*a.py:own: ",
        ),
        ({"label_smoothing": 0.1}, "label_smoothing goes with loss cross-entropy"),
        ({"class_weights": True}, "class_weights goes with loss cross-entropy"),
    ],
)
def test_what_belongs_to_cross_entropy_is_refused(
    settings: dict[str, Any], said: str, windows: Windows, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        fitted(windows, tmp_path, replace(RECIPE, loss="a.py:own", **settings), loss=plain)


def test_windows_come_as_the_network_sees_them(windows: Windows, tmp_path: Path) -> None:
    seen: list[tuple[Any, ...]] = []

    def loss(outputs: dict[str, Tensor], classes: Tensor, cuts: Tensor) -> Tensor:
        seen.append((tuple(cuts.shape), tuple(classes.shape), classes.dtype))
        return F.cross_entropy(outputs["logits"], classes)

    fitted(windows, tmp_path, replace(RECIPE, epochs=1, loss="loss"), loss=loss)
    assert seen[0] == ((30, COMPONENTS, WINDOW, WINDOW), (30,), torch.int64)
