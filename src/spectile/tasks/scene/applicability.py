"""What a model is to remember of its training pixels and scene, for scenes that it maps later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from spectile.data.scene import Scene
from spectile.data.scene_sample import band_statistics
from spectile.data.splits.splits import TRAIN
from spectile.mapping.likeness import sampled_components
from spectile.model.applicability import Applicability, upper_whisker
from spectile.model.model import Model
from spectile.model.sensitivity import sensitive_directions
from spectile.tasks.scene.preparation import Preparation
from spectile.training.regions.labelled_windows import LabelledWindows

REFERENCES = 2000
"""Training spectra that are kept at most."""
ASKED = 256
"""Windows that the network's sensitivity is measured on."""
SQUARE = 32
"""Edge in pixels of the squares that vouch for one another, where the split has no blocks."""


def remembering(model: Model, scene: Scene, preparation: Preparation, seed: int) -> Model:
    """`model` with its training pixels' spectra, and the statistics of its whole scene."""
    statistics = band_statistics(scene, model.preprocessing.bands)
    return replace(
        model,
        scene_statistics=statistics,
        applicability=_applicability(model, scene, preparation, seed),
    )


def _applicability(
    model: Model, scene: Scene, preparation: Preparation, seed: int
) -> Applicability | None:
    """None where the training pixels are one spectrum alone."""
    rows, columns, classes = preparation.pixels(TRAIN)
    kept = spread_over_classes(classes, REFERENCES, seed=seed)
    rows, columns, classes = rows[kept], columns[kept], classes[kept]
    cuts = LabelledWindows(scene, model.preprocessing, model.window, rows, columns, classes)
    spectra = cuts.pixels[0].numpy()
    asked = spread_over_classes(classes, ASKED, seed=seed)
    windows, _ = cuts.__getitems__(asked.tolist())
    directions = sensitive_directions(model.network, windows, seed=seed)
    if directions is None:
        deviations = spectra.std(axis=0)
        alive = deviations > deviations.max() * 1e-6
        directions = np.diag(np.divide(1, deviations, out=np.zeros_like(deviations), where=alive))
    seen = (spectra - spectra.mean(axis=0)).astype(np.float64) @ directions
    distances = cdist(seen, seen)
    pairs = len(distances) * (len(distances) - 1)
    mean = float(distances.sum() / pairs) if pairs else 0.0
    if not (np.isfinite(mean) and mean > 0):
        return None
    square = preparation.split.block or max(SQUARE, 2 * model.window)
    found = Applicability(
        spectra=spectra,
        directions=directions,
        mean_distance=mean,
        threshold=upper_whisker(_from_elsewhere(distances, rows, columns, square) / mean),
        outside_in_training=0.0,
    )
    everywhere = sampled_components(model, scene)
    if everywhere is None:
        return found
    return replace(found, outside_in_training=found.outside_share(everywhere))


def spread_over_classes(classes: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """Indices, in rising order, of `count` of the pixels (N,), or all; as many a class as can be.

    Small classes come whole, and what they leave goes to the larger ones: a rare class, of which
    equal shares would leave a few spectra, is to be known as well as a common one.
    """
    random = np.random.default_rng(seed)
    # Each class's pixels in a random order; the first of all classes, the second of all, and so on.
    shuffled = random.permutation(len(classes))
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]
    sizes = np.bincount(classes)
    turn = np.concatenate([np.arange(size) for size in sizes]) if len(sizes) else sizes
    chosen: NDArray[np.int64] = np.sort(order[np.argsort(turn, kind="stable")[:count]])
    return chosen


def _from_elsewhere(
    distances: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    square: int,
) -> NDArray[np.float64]:
    """How far each pixel is from the nearest one in another square of the scene.

    The cross-validation of Meyer and Pebesma, whose folds are places: neighbours in one field would
    vouch for each other. Where all lie in one square, each pixel is a fold of its own.
    """
    places = np.stack([rows // square, columns // square], axis=1)
    _, fold = np.unique(places, axis=0, return_inverse=True)
    fold = fold.ravel() if fold.any() else np.arange(len(rows))
    apart = np.where(fold[:, None] == fold, np.inf, distances)
    nearest: NDArray[np.float64] = apart.min(axis=1)
    return nearest
