"""Images and their objects change together: what is drawn on one stays on the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spectile.data.instances.objects import Objects
from spectile.errors import InputError
from spectile.training.augmentation import (
    flip_with_objects,
    rotate_with_objects,
    scale_crop_with_objects,
)

NUMBERS = np.zeros((23, 31), np.int64)
NUMBERS[2:9, 3:17], NUMBERS[5:8, 20:29], NUMBERS[12:20, 10:14] = 1, 2, 3
NUMBERS[12, 14:25] = 3  # an object with a tail


def pair() -> tuple[Tensor, Objects]:
    """An image whose values are the numbers of its objects."""
    objects = Objects.of_numbers(NUMBERS, classes=[4, 5, 6])
    objects.ignored[1] = True
    return torch.from_numpy(NUMBERS).float()[None], objects


def drawn(objects: Objects) -> Tensor:
    """The image that the objects are of, by their classes."""
    image = np.zeros((objects.height, objects.width), np.float32)
    for box, mask, name in zip(
        objects.boxes.tolist(), objects.masks, objects.classes.tolist(), strict=True
    ):
        left, top, right, bottom = box
        image[top:bottom, left:right][mask] = name - 3
    return torch.from_numpy(image)[None]


def check(image: Tensor, objects: Objects) -> None:
    assert image.shape[1:] == (objects.height, objects.width)
    assert torch.equal(drawn(objects), image)
    for mask in objects.masks:  # boxes are as small as they can be
        assert mask[0].any()
        assert mask[-1].any()
        assert mask[:, 0].any()
        assert mask[:, -1].any()
    assert objects.ignored.tolist() == [name == 5 for name in objects.classes.tolist()]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), edge=st.integers(1, 40))
def test_crops_and_turns_keep_objects_on_their_pixels(seed, edge) -> None:
    chance = torch.Generator().manual_seed(seed)
    image, objects = scale_crop_with_objects(*pair(), edge, (1.0, 1.0), chance)
    assert image.shape == (1, edge, edge)
    check(image, objects)
    check(*rotate_with_objects(image, objects, chance))
    check(*flip_with_objects(image, objects, chance))


def test_all_eight_symmetries_occur() -> None:
    chance = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(60):
        image, objects = rotate_with_objects(*pair(), chance)
        check(image, objects)
        seen.add((tuple(image.shape), image.numpy().tobytes()))
    assert len(seen) == 8


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_scaled_objects_lie_where_the_scaled_image_has_them(scale) -> None:
    image, objects = scale_crop_with_objects(
        *pair(), 64, (scale, scale), torch.Generator().manual_seed(3)
    )
    # Bilinear pixels that are whole numbers are of one object, or of background alone.
    sure = image == image.round()
    assert sure.float().mean() > 0.8
    assert torch.equal(drawn(objects)[sure], image[sure])
    sizes = sorted(int(mask.sum()) for mask in objects.masks)
    before = sorted(int(mask.sum()) for mask in pair()[1].masks)
    assert sizes == pytest.approx([scale**2 * size for size in before], rel=0.35)


def test_objects_that_vanish_are_gone() -> None:
    image, objects = pair()
    counts = set()
    for seed in range(20):
        chance = torch.Generator().manual_seed(seed)
        counts.add(len(scale_crop_with_objects(image, objects, 5, (1.0, 1.0), chance)[1]))
    assert {0, 1} <= counts


@pytest.mark.parametrize(
    ("edge", "scales", "reason"), [(0, (1, 1), "Crops can't be"), (8, (0, 1), "Crops can't be")]
)
def test_crops_that_cannot_be_are_refused(edge, scales, reason) -> None:
    with pytest.raises(InputError, match=reason):
        scale_crop_with_objects(*pair(), edge, scales)


def test_objects_of_another_image_are_refused() -> None:
    with pytest.raises(InputError, match="don't belong to an image of 3 x 3"):
        scale_crop_with_objects(torch.zeros(1, 3, 3), pair()[1], 8)
