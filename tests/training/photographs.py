"""Images of plain colours and halves, small enough to learn in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.images import ImageArrays, ImageStore, load_images


@dataclass(frozen=True)
class Masks:
    """Class masks in memory, as files would give them."""

    arrays: NDArray[np.uint16]

    @property
    def classes(self) -> int:
        return int(self.arrays.max())

    def name(self, index: int) -> str:
        return f"mask {index}"

    def read(self, index: int) -> NDArray[np.uint16]:
        return self.arrays[index]


def tinted(count: int, bands: int = 4, edge: int = 20) -> tuple[ImageStore, NDArray[np.int64]]:
    """Noise that is bright in the first band (class 0) or in the second (class 1)."""
    chance = np.random.default_rng(0)
    classes = np.arange(count) % 2
    images = chance.integers(0, 120, (count, bands, edge, edge))
    images[np.arange(count), classes] += 100
    return loaded(images.astype(np.uint8)), classes.astype(np.int64)


def halves(count: int, bands: int = 4, edge: int = 32) -> ImageStore:
    """A bright and a dark half, classes 1 and 2, the middle column unlabelled."""
    chance = np.random.default_rng(0)
    images = chance.normal(0, 0.3, (count, bands, edge, edge)).astype(np.float32)
    masks = np.ones((count, edge, edge), np.uint16)
    for image, mask in zip(images, masks, strict=True):
        border = int(chance.integers(8, edge - 8))
        image[:, :, border:] += 3
        mask[:, border:] = 2
        mask[:, border] = 0
    return loaded(images, Masks(masks))


def loaded(images: NDArray[Any], masks: Masks | None = None) -> ImageStore:
    """A store of arrays."""
    source = ImageArrays(images, tuple(f"image {index}" for index in range(len(images))))
    return load_images(source, range(len(images)), memory=1, masks=masks)
