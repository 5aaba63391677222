"""Whatever classifies windows is fitted on them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.training.conftest import CLASSES, COMPONENTS, WINDOW
from torch import Tensor, nn

from spectile.networks import WithSpectralBranch, build_window_network
from spectile.networks.window_network import WindowNetwork
from spectile.training.augmentation import mixup
from spectile.training.fit import Hardware
from spectile.training.learners.window_classifier import WindowClassifier, fit_windows
from spectile.training.recipes import Recipe
from spectile.training.regions.labelled_windows import LabelledWindows


class Own(nn.Module):
    """A user's network, which remembers what it saw."""

    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(bands * window**2, classes))
        self.seen = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.detach()
        return self.layers(x)


@pytest.mark.parametrize(
    ("network", "options"),
    [
        (Own, {}),
        # Its last maps are single pixels, and the last batch a single window.
        ("mobilenet-v2", {"width": 0.1}),
    ],
)
def test_it_is_fitted_beside_a_spectral_branch(
    network: WindowNetwork,
    options: dict[str, object],
    windows: tuple[LabelledWindows, LabelledWindows],
    tmp_path: Path,
) -> None:
    train, validation = windows
    torch.manual_seed(0)
    built = build_window_network(
        network,
        bands=COMPONENTS,
        classes=CLASSES,
        window=WINDOW,
        options={**options, "spectral_branch": 0.5},
    )
    before = {name: weight.clone() for name, weight in built.state_dict().items()}
    fitted = fit_windows(
        *(built, train, validation),
        Recipe(window=WINDOW, epochs=1, batch=len(train) - 1),
        classes=CLASSES,
        seed=0,
        checkpoints=tmp_path,
        hardware=Hardware("cpu", precision="32-true"),
        quiet=True,
    )
    assert fitted.history[0]["train_loss"] > 0
    assert isinstance(built, WithSpectralBranch)
    trained = {
        name for name, weight in built.state_dict().items() if not before[name].equal(weight)
    }
    assert {name.split(".")[0] for name in trained} > {"spectral_branch"}
    pixels, classes = validation.pixels
    right = (built.spectral_branch(pixels).argmax(1) == classes).float().mean()
    assert float(right) > 0.8


def test_mixup_mixes_the_windows_that_come_in(
    windows: tuple[LabelledWindows, LabelledWindows],
) -> None:
    train, _ = windows
    network = Own(COMPONENTS, CLASSES, WINDOW)
    recipe = Recipe(window=WINDOW, rotate=False, mixup=0.4)
    learner = WindowClassifier.of(network, train, recipe, classes=CLASSES, seed=0)
    batch = train.__getitems__(range(8))
    learner.training_step(batch, 0)
    learner.draw()
    mixed, targets = mixup(*batch, count=CLASSES, alpha=0.4)
    assert torch.equal(network.seen, mixed)
    assert 0.5 <= float(targets.max(1).values.min()) < 1
