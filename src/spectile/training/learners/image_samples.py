"""Images and their labels, as batches of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectile.data.images import ImageStore
from spectile.training.augmentation import (
    flip_with_mask,
    jitter_colours,
    random_scale_crop,
    rotate_with_mask,
)
from spectile.training.image_recipes import SegmentRecipe
from spectile.training.normalise import Normalise

EIGHT_BITS = 255.0

SampleIndex = int | tuple[int, int]
"""The number of a sample, and where its chance starts from if there is any."""


class LabelledImages:
    """Images (N, bands, h, w) as read and class indices (N,).

    With an `edge` images are cut to a square: around the middle, or anywhere where chance is given.
    """

    def __init__(
        self,
        store: ImageStore,
        classes: NDArray[np.int64],
        *,
        edge: int | None,
    ) -> None:
        self.store = store
        self.classes = torch.from_numpy(classes)
        self.edge = edge

    def __len__(self) -> int:
        return len(self.store)

    def __getitems__(self, drawn: Sequence[SampleIndex]) -> tuple[Tensor, Tensor]:
        indices = [entry if isinstance(entry, int) else entry[0] for entry in drawn]
        images = np.stack([self._image(entry) for entry in drawn])
        return as_tensor(images), self.classes[indices]

    def _image(self, drawn: SampleIndex) -> NDArray[Any]:
        index, seed = (drawn, None) if isinstance(drawn, int) else drawn
        image = self.store.image(index)
        if self.edge is None or image.shape[1:] == (self.edge, self.edge):
            return image
        spare = [length - self.edge for length in image.shape[1:]]
        if seed is None:
            top, left = (length // 2 for length in spare)
        else:
            top, left = (
                int(at) for at in np.random.default_rng(seed).integers(0, np.add(spare, 1))
            )
        return image[:, top : top + self.edge, left : left + self.edge]


class RandomCrops:
    """Components (N, components, edge, edge) of images, and class indices, -1 where ignored.

    Crops of random place and scale, flipped or rotated, as the `recipe` says.
    """

    def __init__(
        self, store: ImageStore, normalise: Normalise, recipe: SegmentRecipe, edge: int
    ) -> None:
        self.store = store
        self.normalise = normalise
        self.recipe = recipe
        self.edge = edge

    def __len__(self) -> int:
        return len(self.store)

    def __getitems__(self, drawn: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        return stacked([self._crop(index, seed) for index, seed in drawn])

    def _crop(self, index: int, seed: int) -> tuple[Tensor, Tensor]:
        recipe, chance = self.recipe, torch.Generator().manual_seed(seed)
        pixels, indices = self.store.pair(index)
        image = as_tensor(pixels)
        if recipe.jitter:
            image = jittered(image[None], recipe.jitter, chance)[0]
        image, mask = random_scale_crop(
            self.normalise(image), class_indices(indices), self.edge, recipe.scales, chance
        )
        if recipe.rotate:
            return rotate_with_mask(image, mask, chance)
        return flip_with_mask(image, mask, chance) if recipe.flip else (image, mask)


class EvenWindows:
    """Components (N, components, h, w) of images, and class indices, -1 where ignored.

    Windows of the training crops' size, spread evenly over each image: a network's numbers depend
    on the size of what it is given. Images smaller than a window are taken as they are.
    """

    def __init__(self, store: ImageStore, normalise: Normalise, edge: int) -> None:
        self.store = store
        self.normalise = normalise
        self.windows = [
            (index, rows, columns)
            for index, (height, width) in enumerate(store.shapes.tolist())
            for rows in spread(height, edge)
            for columns in spread(width, edge)
        ]

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def alike(self) -> bool:
        """Whether all are of one size, so that they come in batches."""
        sizes = {(r.stop - r.start, c.stop - c.start) for _, r, c in self.windows}
        return len(sizes) <= 1

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        return stacked([self._window(*self.windows[index]) for index in indices])

    def _window(self, index: int, rows: slice, columns: slice) -> tuple[Tensor, Tensor]:
        pixels, mask = self.store.pair(index)
        image = self.normalise(as_tensor(pixels[:, rows, columns]))
        return image, class_indices(mask[rows, columns])


def spread(length: int, edge: int) -> list[slice]:
    """About length / edge stretches of `edge` pixels, the first at the start, the last at the end.

    A single one lies in the middle.
    """
    count, room = max(1, round(length / edge)), max(0, length - edge)
    starts = [room // 2] if count == 1 else [room * n // (count - 1) for n in range(count)]
    return [slice(start, min(start + edge, length)) for start in starts]


def class_indices(mask: NDArray[np.uint16]) -> Tensor:
    """Class indices from 1, 0 if unlabelled, as losses take them: from 0, -1 if unlabelled."""
    return torch.from_numpy(mask.astype(np.int64)) - 1


def stacked(pairs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Images and masks as one batch."""
    return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])


def jittered(images: Tensor, strength: float, chance: torch.Generator | None = None) -> Tensor:
    """Photos (N, 3, H, W) of eight bits with their colours changed, still from 0 to 255."""
    photos = images / EIGHT_BITS
    return jitter_colours(photos, strength, strength, strength, chance) * EIGHT_BITS


def as_tensor(image: NDArray[Any]) -> Tensor:
    """An image as a tensor: of eight bits as it is, all others in float32."""
    # PyTorch knows little of 16 bits without a sign.
    kept = image if image.dtype == np.uint8 else image.astype(np.float32, copy=False)
    return torch.from_numpy(np.ascontiguousarray(kept))
