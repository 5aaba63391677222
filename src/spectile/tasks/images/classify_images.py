"""Classes of whole images by a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.data.images import ImageStore
from spectile.errors import InputError
from spectile.model.model import Model
from spectile.progress import Progress
from spectile.tasks.tables import write_table
from spectile.training.learners.image_samples import LabelledImages
from spectile.training.normalise import Normalise

BATCH = 128


def classify_images(
    model: Model,
    store: ImageStore,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """The probabilities (N, classes) of images' classes.

    Raises InputError where the images have other bands than the model.
    """
    if store.bands != model.scene_bands:
        raise InputError(
            f"{store.names[0]} has {store.bands} bands, but the model was trained on "
            f"{model.scene_bands}: give images of the same kind."
        )
    network = model.network.to(device).eval()
    normalise = Normalise(model.preprocessing).to(device)
    same = len(np.unique(store.shapes, axis=0)) <= 1
    samples = LabelledImages(store, np.zeros(len(store), np.int64), edge=model.image_edge)
    probabilities = np.empty((len(store), len(model.legend)), np.float32)
    # Images of different sizes can't be stacked.
    batch = BATCH if same or model.image_edge is not None else 1
    with torch.inference_mode():
        for first in range(0, len(store), batch):
            chosen = range(first, min(first + batch, len(store)))
            images, _ = samples.__getitems__(chosen)
            logits = network(normalise(images.to(device)))
            probabilities[chosen.start : chosen.stop] = logits.float().softmax(1).cpu().numpy()
            if progress:
                progress(chosen.stop, len(store))
    network.cpu()
    return probabilities


def is_predictions(path: Path) -> bool:
    """Whether a file begins as :func:`write_predictions` writes it."""
    with path.open("rb") as file:
        return file.read(64).startswith(b"image,class,probability,")


def write_predictions(
    path: Path,
    names: Sequence[str],
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    truth: NDArray[np.int64] | None = None,
) -> None:
    """One row an image: class, its probability, the truth if known, all classes' probabilities."""
    known = [] if truth is None else ["truth"]
    rows = []
    for index, (name, row) in enumerate(zip(names, probabilities, strict=True)):
        best = int(row.argmax())
        given = [] if truth is None else [classes[truth[index]]]
        rows.append([name, classes[best], f"{row[best]:.6f}", *given, *(f"{p:.6f}" for p in row)])
    write_table(path, ["image", "class", "probability", *known, *classes], rows)
