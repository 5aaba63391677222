"""Objects in one image, by a trained model."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.instances.objects import Mask, Objects
from spectile.data.readers.in_memory import scene_from_array
from spectile.model.model import Model
from spectile.networks.instances.detections import Detections, FindsInstances


@torch.inference_mode()
def find_objects(
    model: Model, image: NDArray[Any], name: str, *, device: str = "cpu"
) -> tuple[Objects, NDArray[np.float64]]:
    """The objects in an image (bands, H, W), the surest first, and their scores (N,).

    Pixels without data belong to none. Raises InputError, with the image's `name`, where it has
    other bands than the model.
    """
    scene = scene_from_array(image, source=name)
    whole = Window(0, 0, scene.width, scene.height)
    components, valid = model.for_scene(scene).read(scene, whole, 0)
    network = model.network.to(device).eval()
    (found,) = cast(FindsInstances, network).detect(torch.from_numpy(components[None]).to(device))
    return as_objects(found, valid)


def as_objects(found: Detections, valid: Mask) -> tuple[Objects, NDArray[np.float64]]:
    """What was found as objects of the image, of which `valid` (H, W) pixels have data."""
    height, width = valid.shape
    boxes, masks, kept = [], [], []
    for place in range(len(found)):
        row, column, mask = found.mask_of(place, height, width)
        own = mask.numpy()
        own = own & valid[row : row + own.shape[0], column : column + own.shape[1]]
        rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        if not len(rows):
            continue
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        boxes.append((column + left, row + top, column + right, row + bottom))
        masks.append(own[top:bottom, left:right])
        kept.append(place)
    objects = Objects(
        height,
        width,
        found.classes.cpu().numpy()[kept].astype(np.int64),
        np.array(boxes, np.int64).reshape(len(kept), 4),
        masks,
        np.zeros(len(kept), np.bool_),
    )
    return objects, found.scores.cpu().double().numpy()[kept]
