"""Small untrained models of each task, and graphs made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from tests.mapping.small_model import small_model
from torch import nn

from spectile import networks
from spectile.api.model import Model
from spectile.data.labels.legend import Category, Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.light import fit_light
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.model.trained_task import ImageTask, WindowTask


def sure(network: nn.Module, bands: int, edge: int) -> nn.Module:
    """An untrained network whose probabilities differ from input to input."""
    network.eval()
    with torch.no_grad():
        logits = network(torch.randn(16, bands, edge, edge))
        scale = 1 / logits.std(0).clamp(min=1e-6)
        last = [part for part in network.modules() if isinstance(part, nn.Linear)][-1]
        last.weight *= scale[:, None]
        last.bias.copy_((last.bias - logits.mean(0)) * scale)
    return network


def of_logarithms(window: int = 11) -> Model:
    """Freed from light, with an offset, a temperature and a spectral branch: all that can be."""
    torch.manual_seed(0)
    spectra = np.exp(np.random.default_rng(0).normal(7, 0.3, (300, 24)))
    lightless, _ = fit_light("slope", spectra, None)
    assert lightless is not None
    reducer = lightless.before(fit_reducer("pca", lightless.of(spectra), components=5))
    # As of a scene in other light: the reducer has an offset then.
    reducer = reducer.after(np.full(24, 1.1), np.full(24, 30.0))
    network = networks.create("hybridsn-se", bands=5, classes=3, window=window, spectral_branch=0.5)
    return replace(
        small_model(),
        network=sure(network, 5, window),
        trained_for=WindowTask(window),
        preprocessing=Preprocessing(tuple(range(24)), reducer, "zero"),
        scene_bands=24,
        legend=Legend(tuple(Category(n, f"class {n}", (n, 9, 90)) for n in (3, 7, 14))),
        temperature=1.7,
    )


def of_windows(smooth: int | None = None) -> Model:
    """HybridSN-SE on windows of 9 pixels, four of six bands used."""
    model = small_model(smooth=smooth)
    return replace(model, network=sure(model.network, 3, 9))


class Strided(nn.Sequential):
    """Strides, padding and a mean over the image, as networks of whole images have."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.Hardswish(),
            nn.MaxPool2d(3, 2, 1),
            nn.Conv2d(8, 8, 3, padding=1, groups=8),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 2),
        )


def of_images() -> Model:
    """For the classes of images of four bands, three used."""
    torch.manual_seed(0)
    spectra = np.random.default_rng(0).normal(100, 20, (300, 3))
    return replace(
        small_model(),
        name="Strided",
        network=sure(Strided(), 3, 48),
        trained_for=ImageTask(),
        preprocessing=Preprocessing((0, 1, 3), fit_reducer("standardise", spectra), "reflect"),
        scene_bands=4,
    )
