"""A model of six bands and two classes, untrained: enough to see what becomes of its maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from spectile import networks
from spectile.api.model import Model
from spectile.data.labels.legend import Category, Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.guide import fit_guide
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.model.smoothing import Smoothing
from spectile.model.trained_task import WindowTask

BANDS, WINDOW = 6, 9
WAVELENGTHS = np.array([450.0, 500.0, 550.0, 600.0, 650.0, 700.0])


def small_model(
    values: Sequence[int] = (3, 14), wavelengths: bool = False, smooth: int | None = None
) -> Model:
    """Its classes, with these values, are "Äcker & Wiesen" and "open water".

    Its maps are smoothed in a radius of `smooth`; None is for files that know of no smoothing.
    """
    torch.manual_seed(0)
    used = (0, 1, 3, 4)
    spectra = np.random.default_rng(0).normal(0, 1, (200, len(used)))
    reducer = fit_reducer("pca", spectra, components=3)
    guide = fit_guide(spectra, reducer.apply(spectra.T).T)
    first, second = values
    network = networks.create("hybridsn-se", bands=3, classes=2, window=WINDOW).eval()
    with torch.inference_mode():  # untrained it would call everything one class
        network.classifier[-1].bias -= network(torch.randn(64, 3, WINDOW, WINDOW)).median(0).values
    return Model(
        name="hybridsn-se",
        options={"window": WINDOW},
        network=network,
        trained_for=WindowTask(WINDOW),
        preprocessing=Preprocessing(used, reducer, "reflect"),
        legend=Legend(
            (
                Category(first, "Äcker & Wiesen", (200, 150, 0)),
                Category(second, "open water", (0, 0, 250)),
            )
        ),
        scene_bands=BANDS,
        wavelengths=WAVELENGTHS[list(used)] if wavelengths else None,
        smoothing=None if smooth is None else Smoothing(guide, smooth),
    )


def assert_alike(found: NDArray[np.generic], expected: NDArray[np.generic]) -> None:
    """Maps from other tiles: no data in the same pixels, and the same classes in the others.

    But where two classes are as likely: tiles of another shape may be computed by other kernels,
    whose sums end in other digits.
    """
    np.testing.assert_array_equal(found == 0, expected == 0)
    assert (found != expected).mean() <= 0.005


def cube(height: int = 14, width: int = 17) -> NDArray[np.float32]:
    """Pixels (bands, height, width) in which the model finds both classes, and two gaps."""
    pixels = np.random.default_rng(1).normal(0, 1, (BANDS, height, width)).astype(np.float32)
    pixels[1, 3, 4] = pixels[4, 10, 0] = np.nan
    return pixels
