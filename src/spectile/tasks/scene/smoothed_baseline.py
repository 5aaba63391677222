"""What a practitioner has: the map of a support vector machine, smoothed as the run's map is.

Kang, Li and Benediktsson, "Spectral-spatial hyperspectral image classification with edge-preserving
filtering", IEEE TGRS 52(5), 2014: the filter gets 1 where the machine says a class and 0 elsewhere,
not probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from spectile.data.preprocessing.components import Preprocessing, tiles_holding
from spectile.data.preprocessing.guide import fit_guide, reach_of
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.scene import Scene
from spectile.mapping.at_pixels import EDGE, probabilities_at
from spectile.model.model import Model
from spectile.model.smoothing import Smoothing
from spectile.model.trained_task import WindowTask
from spectile.tasks.scene.preparation import Preparation
from spectile.training.spectra.as_networks import as_network

SURE = 1_000.0
"""What makes the softmax of decisions one of 0 and 1."""


class _Sure(nn.Module):
    """A network whose class has all of the probability."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(x)
        return logits * SURE


def smoothed_classes(
    fitted: Any,
    spectra: NDArray[np.float64],
    scene: Scene,
    preparation: Preparation,
    radius: int,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Class indices (N,) of a fitted classifier's map, smoothed by `radius` pixels, at some pixels.

    `spectra` (M, bands) are training pixels, of whose components the filter's guide is made as the
    run's own is.
    """
    bands, padding = preparation.preprocessing.bands, preparation.preprocessing.padding
    legend = preparation.labels.legend
    model = Model(
        name="svm",
        options={},
        network=_Sure(as_network(fitted, len(legend))),
        trained_for=WindowTask(1),
        preprocessing=Preprocessing(bands, fit_reducer("none", spectra), padding),
        legend=legend,
        scene_bands=scene.bands,
        wavelengths=None,
        physical=True,
        smoothing=Smoothing(fit_guide(spectra, spectra), radius),
    )
    found: NDArray[np.int64] = probabilities_at(model, scene, rows, columns).argmax(1)
    return found


def pixels_to_classify(
    scene: Scene, radius: int, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> int:
    """About how many pixels :func:`smoothed_classes` looks at: all around those asked for."""
    squares = sum(1 for _ in tiles_holding(rows, columns, scene.height, scene.width, EDGE))
    edge = EDGE + 2 * reach_of(radius)
    return int(squares * edge**2)
