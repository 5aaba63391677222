"""Classes of all pixels of images, by a trained model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.readers.in_memory import scene_from_array
from spectile.mapping.scene_map import map_parts
from spectile.model.model import Model


def segment_image(
    model: Model, image: NDArray[Any], name: str, *, memory: float = 1.0, device: str = "cpu"
) -> NDArray[np.int32]:
    """Class indices (H, W) from 1 of an image (bands, H, W), 0 where data are missing.

    Made as maps of scenes are, in overlapping windows where the image is larger than one. Raises
    InputError, with the image's `name`, where it has other bands than the model.
    """
    scene = scene_from_array(image, source=name)
    classes = np.zeros((scene.height, scene.width), np.int32)
    for part in map_parts(model, scene, memory=memory, device=device):
        classes[part.window.toslices()] = part.classes
    return classes
