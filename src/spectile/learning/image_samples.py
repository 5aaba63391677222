"""Images and their labels, as batches of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectile.images import ImageStore
from spectile.learning.augmentation import (
    flip_with_mask,
    jitter_colours,
    random_scale_crop,
    turn_with_mask,
)
from spectile.learning.image_recipes import SegmentRecipe
from spectile.learning.normalise import Normalise

EIGHT_BITS = 255.0

Drawn = int | tuple[int, int]
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

    def __getitems__(self, drawn: Sequence[Drawn]) -> tuple[Tensor, Tensor]:
        indices = [entry if isinstance(entry, int) else entry[0] for entry in drawn]
        images = np.stack([self._image(entry) for entry in drawn])
        return as_tensor(images), self.classes[indices]

    def _image(self, drawn: Drawn) -> NDArray[Any]:
        index, seed = (drawn, None) if isinstance(drawn, int) else drawn
        image = self.store.image(index)
        if self.edge is None:
            return image
        spare = [length - self.edge for length in image.shape[1:]]
        if seed is None:
            top, left = (length // 2 for length in spare)
        else:
            top, left = (
                int(at) for at in np.random.default_rng(seed).integers(0, np.add(spare, 1))
            )
        return image[:, top : top + self.edge, left : left + self.edge]


class LabelledMasks:
    """Components (N, components, h, w) of images, and class indices (N, h, w), -1 where ignored.

    With a `recipe` samples are crops of random place and scale, flipped or turned; without, whole
    images, which have to be of one size to come in one batch.
    """

    def __init__(
        self,
        store: ImageStore,
        normalise: Normalise,
        *,
        recipe: SegmentRecipe | None = None,
        edge: int = 0,
    ) -> None:
        self.store = store
        self.normalise = normalise
        self.recipe = recipe
        self.edge = edge

    def __len__(self) -> int:
        return len(self.store)

    def __getitems__(self, drawn: Sequence[Drawn]) -> tuple[Tensor, Tensor]:
        pairs = [
            self._whole(entry) if isinstance(entry, int) else self._crop(*entry) for entry in drawn
        ]
        return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])

    def _whole(self, index: int, chance: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        pixels, mask = self.store[index]
        image = as_tensor(pixels)
        if chance is not None and self.recipe is not None and self.recipe.jitter:
            image = jittered(image[None], self.recipe.jitter, chance)[0]
        return self.normalise(image), torch.from_numpy(mask.astype(np.int64)) - 1

    def _crop(self, index: int, seed: int) -> tuple[Tensor, Tensor]:
        assert self.recipe is not None
        chance = torch.Generator().manual_seed(seed)
        image, mask = random_scale_crop(
            *self._whole(index, chance), self.edge, self.recipe.scales, generator=chance
        )
        if self.recipe.turns:
            return turn_with_mask(image, mask, chance)
        return flip_with_mask(image, mask, chance) if self.recipe.flip else (image, mask)


def jittered(images: Tensor, strength: float, chance: torch.Generator | None = None) -> Tensor:
    """Photos (N, 3, H, W) of eight bits with their colours changed, still from 0 to 255."""
    photos = images / EIGHT_BITS
    return jitter_colours(photos, strength, strength, strength, chance) * EIGHT_BITS


def as_tensor(image: NDArray[Any]) -> Tensor:
    """An image as a tensor: of eight bits as it is, all others in float32."""
    # PyTorch knows little of 16 bits without a sign.
    kept = image if image.dtype == np.uint8 else image.astype(np.float32, copy=False)
    return torch.from_numpy(np.ascontiguousarray(kept))
