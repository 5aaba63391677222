"""A simulated scene, networks in float64, and what two ways of computing gradients differ by."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile import networks
from spectile.data.datasets.simulated import simulate
from spectile.data.labels.labels import Places
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.training.fit import Hardware
from spectile.training.regions.labelled_regions import Region

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
