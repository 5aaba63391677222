"""A model of three bands and three classes that classifies every pixel, untrained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from spectile.api.model import Model
from spectile.data.labels.legend import Category, Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import Reducer
from spectile.model.trained_task import PixelTask

BANDS, CLASSES = 3, 3


class LooksAround(nn.Module):
    """Two convolutions: a pixel's logits come from those at most `radius` away, and from borders.

    Maps (N, bands, H, W) to (N, classes, H, W).
    """

    def __init__(self, radius: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        edge = 2 * radius - 1
        self.first = nn.Conv2d(BANDS, 4, edge, padding=radius - 1)
        self.second = nn.Conv2d(4, CLASSES, 3, padding=1)
        with torch.no_grad():
            self.second.weight *= 8
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.second(self.first(x).relu())
        return logits


def segment_model(network: nn.Module | None = None, window: int = 48) -> Model:
    """With the values 3, 7 and 14, on bands as they are; `window` is the crops' edge."""
    legend = [Category(value, f"class {value}", (value, 10 * value, 90)) for value in (3, 7, 14)]
    return Model(
        name="deeplab-v3-plus",
        options={"backbone": "mobilenet-v2"},
        network=network or LooksAround(3),
        trained_for=PixelTask(window),
        preprocessing=Preprocessing(
            (0, 1, 2), Reducer("none", np.zeros(BANDS), np.eye(BANDS)), "reflect"
        ),
        legend=Legend(tuple(legend)),
        scene_bands=BANDS,
        wavelengths=None,
    )
