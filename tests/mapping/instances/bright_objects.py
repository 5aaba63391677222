"""A model that finds what is bright, to the pixel: it shows what mapping makes of finds."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from spectile.api.model import Model
from spectile.data.labels.legend import Category, Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import Reducer
from spectile.model.trained_task import InstanceTask
from spectile.networks.instances.detections import Detections

BANDS = 2


class BrightObjects(nn.Module):
    """Connected pixels above 0 of the first band; its value is the class from 1, the second band's
    is the score.

    Finds each in any window as far as the window goes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def detect(self, images: Tensor) -> list[Detections]:
        return [self._detect(image.detach().numpy()) for image in images]

    def _detect(self, image: NDArray[np.float32]) -> Detections:
        labels, count = ndimage.label(image[0] > 0.5)
        places = ndimage.find_objects(labels)
        cells = 2 + 2 * max((max(p.stop - p.start for p in place) for place in places), default=0)
        boxes, masks, classes, scores = [], [], [], []
        for number, (rows, columns) in enumerate(places, start=1):
            own = labels[rows, columns] == number
            height, width = own.shape
            # Cells that are less than half a pixel: its middle is read from its own ones.
            down, across = (
                ((np.arange(cells) + 0.5) / cells * side).astype(int) for side in (height, width)
            )
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
            masks.append(np.where(own[np.ix_(down, across)], 4.0, -4.0))
            classes.append(round(float(image[0, rows, columns][own].max())) - 1)
            scores.append(float(image[1, rows, columns][own].max()))
        return Detections(
            torch.tensor(boxes, dtype=torch.float32).reshape(count, 4),
            torch.tensor(scores, dtype=torch.float32),
            torch.tensor(classes, dtype=torch.int64),
            torch.tensor(np.array(masks, np.float32).reshape(count, cells, cells)),
        )


def object_model(crop: int = 32, network: nn.Module | None = None, sure: float = 0.5) -> Model:
    """Two classes, on bands as they are; windows are of `crop` pixels."""
    legend = [Category(3, "field", (200, 150, 0)), Category(7, "Wäldchen", (0, 90, 0))]
    return Model(
        name="bright-objects",
        options={},
        network=network or BrightObjects(),
        trained_for=InstanceTask(crop, sure),
        preprocessing=Preprocessing(
            (0, 1), Reducer("none", np.zeros(BANDS), np.eye(BANDS)), "reflect"
        ),
        legend=Legend(tuple(legend)),
        scene_bands=BANDS,
        wavelengths=None,
    )


def drawn(classes: NDArray[np.integer], score: float = 0.9) -> NDArray[np.float32]:
    """The bands (2, H, W) of a scene with objects where `classes` is above 0."""
    return np.stack([classes, np.where(classes, score, 0)]).astype(np.float32)
