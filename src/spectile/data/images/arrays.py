"""Classified images that are in memory already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.images.listing import Listing
from spectile.data.images.sources import array_fingerprints
from spectile.data.readers.pixel_types import as_pixels
from spectile.data.splits.splits import TRAIN
from spectile.errors import InputError


@dataclass(frozen=True, eq=False)
class ImagesInMemory:
    """Images of any sizes in memory."""

    images: tuple[NDArray[Any], ...] = field(repr=False)
    """Each (bands, H, W)."""

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        return f"image {index + 1}"

    def read(self, index: int) -> NDArray[Any]:
        return as_pixels(self.images[index])


def list_arrays(
    images: Sequence[NDArray[Any]] | NDArray[Any],
    labels: Sequence[object] | NDArray[Any],
    *,
    bands_last: bool = True,
) -> Listing:
    """Images (H, W) or (H, W, bands), or bands first, with the class of each.

    Classes are named by the text of their labels. Raises InputError unless there is one label for
    each image and all images have the same bands.
    """
    arrays = [np.asarray(image) for image in images]
    if not arrays or len(arrays) != len(labels):
        raise InputError(
            f"there are {len(arrays)} images and {len(labels)} labels: give one label for each."
        )
    moved = []
    for number, array in enumerate(arrays, start=1):
        if array.ndim not in (2, 3):
            raise InputError(
                f"image {number} has {array.ndim} axes: give rows and columns, and bands."
            )
        whole = array[..., None] if array.ndim == 2 else array
        moved.append(np.moveaxis(whole, -1, 0) if bands_last or array.ndim == 2 else whole)
    given = np.asarray(labels).tolist()
    for number, label in enumerate(given, start=1):
        if label is None or label != label:
            raise InputError(f"image {number} has no label: leave it out, or give it one.")
    names = [str(label) for label in given]
    keys = [key for image in moved for key in array_fingerprints(image[None])]
    return Listing(
        "the list of images",
        ImagesInMemory(tuple(moved)),
        names,
        tuple(sorted(set(names))),
        np.full(len(moved), TRAIN, np.uint8),
        keys,
    )
