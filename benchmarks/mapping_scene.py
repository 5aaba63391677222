"""A simulated scene on disk and a model for it: what the benchmarks of whole maps run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from spectile import networks
from spectile.api.model import Model
from spectile.data.datasets.simulated import simulate_file
from spectile.data.labels.legend import make_legend
from spectile.data.preprocessing.components import Preprocessing, read_spectra
from spectile.data.preprocessing.guide import fit_guide
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.scene import Scene
from spectile.model.smoothing import Smoothing
from spectile.model.trained_task import WindowTask

BANDS, COMPONENTS, CLASSES, WINDOW = 200, 30, 6, 25


def write_scene(path: Path, size: int) -> None:
    """`size` x `size` pixels of int16 in an ENVI file; 4000 take some minutes and 6.4 GB."""
    simulate_file(path, size, size, BANDS, CLASSES, seed=0)


def model_for(scene: Scene, classes: int = CLASSES) -> Model:
    """hybridsn-se, untrained, on the scene's principal components."""
    rows, columns = np.random.default_rng(0).integers(0, min(scene.height, scene.width), (2, 2000))
    bands = tuple(range(scene.bands))
    spectra = read_spectra(scene, rows, columns, bands)
    reducer = fit_reducer("pca", spectra, components=COMPONENTS)
    torch.manual_seed(0)
    return Model(
        name="hybridsn-se",
        options={"window": WINDOW},
        network=networks.create("hybridsn-se", bands=COMPONENTS, classes=classes, window=WINDOW),
        trained_for=WindowTask(WINDOW),
        preprocessing=Preprocessing(bands, reducer, "reflect"),
        legend=make_legend(range(1, classes + 1)),
        scene_bands=scene.bands,
        wavelengths=None,
        smoothing=Smoothing(fit_guide(spectra, reducer.apply(spectra.T).T)),
    )
