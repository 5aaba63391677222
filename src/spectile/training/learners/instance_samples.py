"""Images and their objects, as batches: crops to learn from, whole images to validate on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from spectile.data.instances.objects import Objects
from spectile.training.augmentation import (
    flip_with_objects,
    rotate_with_objects,
    scale_crop_with_objects,
)
from spectile.training.instance_recipes import InstanceRecipe
from spectile.training.instances.targets import ImageTargets, image_targets
from spectile.training.learners.image_samples import as_tensor, jittered
from spectile.training.normalise import Normalise


class Images(Protocol):
    """Images by number, as an :class:`~spectile.data.images.ImageStore` has them."""

    def __len__(self) -> int: ...

    def image(self, index: int) -> NDArray[Any]:
        """The image (bands, H, W)."""


class InstanceBatch(NamedTuple):
    """Images of one size and their objects."""

    images: Tensor
    """Components; (N, components, H, W)."""
    targets: list[ImageTargets]


class ValidationBatch(NamedTuple):
    """The same, with the objects as they are."""

    images: Tensor
    targets: list[ImageTargets]
    objects: list[Objects]

    def to(self, device: torch.device, non_blocking: bool = False) -> ValidationBatch:
        """The tensors on another device; Lightning calls this, for it can't look into objects."""
        moved = [
            ImageTargets(*(each.to(device, non_blocking=non_blocking) for each in image))
            for image in self.targets
        ]
        images = self.images.to(device, non_blocking=non_blocking)
        return self._replace(images=images, targets=moved)


class InstanceCrops:
    """Crops (N, components, edge, edge) of images and what to learn of their objects.

    Of random place, scale and brightness, flipped or rotated, as the `recipe` says. Masks are
    learnt on `mask_size` x `mask_size` cells. `objects` has the objects of each image.
    """

    def __init__(
        self,
        store: Images,
        objects: Sequence[Objects],
        normalise: Normalise,
        recipe: InstanceRecipe,
        *,
        edge: int,
        mask_size: int,
    ) -> None:
        self.store = store
        self.objects = objects
        self.normalise = normalise
        self.recipe = recipe
        self.edge = edge
        self.mask_size = mask_size

    def __len__(self) -> int:
        return len(self.store)

    def __getitems__(self, drawn: Sequence[tuple[int, int]]) -> InstanceBatch:
        crops = [self._crop(index, seed) for index, seed in drawn]
        targets = [image_targets(objects, self.mask_size) for _, objects in crops]
        return InstanceBatch(torch.stack([image for image, _ in crops]), targets)

    def _crop(self, index: int, seed: int) -> tuple[Tensor, Objects]:
        recipe, chance = self.recipe, torch.Generator().manual_seed(seed)
        image = as_tensor(self.store.image(index))
        if recipe.jitter:
            image = jittered(image[None], recipe.jitter, chance)[0]
        if recipe.gain:
            image = image * math.exp(recipe.gain * float(torch.randn((), generator=chance)))
        image, objects = scale_crop_with_objects(
            self.normalise(image), self.objects[index], self.edge, recipe.scales, chance
        )
        if recipe.rotate:
            return rotate_with_objects(image, objects, chance)
        return flip_with_objects(image, objects, chance) if recipe.flip else (image, objects)


class WholeImages:
    """Components (N, components, H, W) of images as they are, and their objects."""

    def __init__(
        self,
        store: Images,
        objects: Sequence[Objects],
        normalise: Normalise,
        *,
        mask_size: int,
    ) -> None:
        self.store = store
        self.objects = objects
        self.normalise = normalise
        self.mask_size = mask_size

    def __len__(self) -> int:
        return len(self.store)

    @property
    def alike(self) -> bool:
        """Whether all are of one size, so that they come in batches."""
        return len({(objects.height, objects.width) for objects in self.objects}) <= 1

    def __getitems__(self, indices: Sequence[int]) -> ValidationBatch:
        images = [self.normalise(as_tensor(self.store.image(index))) for index in indices]
        objects = [self.objects[index] for index in indices]
        targets = [image_targets(each, self.mask_size) for each in objects]
        return ValidationBatch(torch.stack(images), targets, objects)
