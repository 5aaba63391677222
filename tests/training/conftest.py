"""A scene of three crops, small enough to learn in seconds."""

from __future__ import annotations

import numpy as np
import pytest

from spectile.data.datasets.simulated import simulate
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.training.regions.labelled_windows import LabelledWindows

WINDOW = 9
COMPONENTS = 6
CLASSES = 3


@pytest.fixture(scope="session")
def windows() -> tuple[LabelledWindows, LabelledWindows]:
    """Windows to train on and others to validate on."""
    pixels, labels = simulate(70, 80, 12, CLASSES, seed=1)
    scene = scene_from_array(pixels)
    reducer = fit_reducer("pca", pixels.reshape(12, -1).T, components=COMPONENTS)
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 70, 120), rng.integers(0, 80, 120)
    classes = labels[rows, columns].astype(np.int64) - 1
    train, validation = (
        LabelledWindows(
            scene,
            Preprocessing(tuple(range(12)), reducer, "reflect"),
            WINDOW,
            rows[part],
            columns[part],
            classes[part],
        )
        for part in (slice(0, 90), slice(90, 120))
    )
    return train, validation
