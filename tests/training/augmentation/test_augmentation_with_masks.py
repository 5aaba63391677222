"""Images and masks that are scaled, cut and rotated together still belong together."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spectile.errors import InputError
from spectile.training.augmentation import flip_with_mask, random_scale_crop, rotate_with_mask


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pair(height: int, width: int, bands: int = 4) -> tuple[Tensor, Tensor]:
    """An image that tells row and column (both + 1), and a mask that tells the same as numbers."""
    rows = torch.arange(1.0, height + 1)[:, None].expand(height, width)
    columns = torch.arange(1.0, width + 1)[None].expand(height, width)
    image = torch.stack([rows, columns, *[torch.ones(height, width)] * (bands - 2)])
    return image, (100 * rows + columns).long()


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 48),
    st.floats(0.3, 3),
    st.integers(0, 2**31),
)
def test_image_and_mask_stay_together(height, width, edge, scale, seed):
    image, mask = random_scale_crop(*pair(height, width), edge, (scale, scale), chance(seed))
    assert image.shape == (4, edge, edge)
    assert mask.shape == (edge, edge)
    assert mask.dtype == torch.int64
    inside = mask >= 0
    # All that is not image is 0 and ignored; a band of ones tells where the image is.
    torch.testing.assert_close(image[2], inside.float())
    assert not image[:, ~inside].any()
    rows, columns = inside.any(1), inside.any(0)
    assert torch.equal(inside, rows[:, None] & columns[None])
    # Bilinear and nearest look at the same place, to half a pixel and what rounding of sizes adds.
    for band, told in ((0, mask // 100), (1, mask % 100)):
        off = (image[band] - told)[inside].abs().max()
        assert off <= 0.5 + 1e-4


@pytest.mark.parametrize(("scale", "neighbours"), [(0.5, 2.0), (1.0, 1.0), (2.0, 0.5)])
def test_a_scale_enlarges(scale, neighbours):
    image, mask = random_scale_crop(*pair(200, 300), 64, (scale, scale), chance())
    assert (mask >= 0).all()
    assert image[0].diff(dim=0)[2:-2].mean() == pytest.approx(neighbours, rel=0.02)
    assert image[1].diff(dim=1)[:, 2:-2].mean() == pytest.approx(neighbours, rel=0.02)


def test_scale_one_is_a_plain_cut():
    image, mask = pair(50, 60)
    for seed in range(20):
        cut, cut_mask = random_scale_crop(image, mask, 16, (1, 1), chance(seed))
        row, column = int(cut[0, 0, 0]) - 1, int(cut[1, 0, 0]) - 1
        assert torch.equal(cut, image[:, row : row + 16, column : column + 16])
        assert torch.equal(cut_mask, mask[row : row + 16, column : column + 16])


def test_every_pixel_and_every_scale_comes_up():
    image, mask = pair(6, 8)
    corners, sizes = set(), set()
    generator = chance()
    for _ in range(300):
        cut, _ = random_scale_crop(image, mask, 4, (1, 1), generator)
        corners.add((int(cut[0, 0, 0]), int(cut[1, 0, 0])))
        _, small = random_scale_crop(image, mask, 20, (0.5, 2.0), generator)
        sizes.add(int((small >= 0).any(0).sum()))
    assert corners == {(row, column) for row in (1, 2, 3) for column in (1, 2, 3, 4, 5)}
    assert sizes == set(range(4, 17))


def test_unlabelled_pixels_stay_so():
    image, mask = pair(30, 30)
    mask[:, 15:] = -1
    cut, cut_mask = random_scale_crop(image, mask, 64, (2, 2), chance())
    labelled = cut_mask >= 0
    assert (cut[2] > 0).sum() == 2 * labelled.sum()


def test_chance_comes_from_the_generator_or_the_global_seed():
    for change in (
        lambda g: random_scale_crop(*pair(40, 40), 16, generator=g)[0],
        lambda g: flip_with_mask(*pair(9, 9), g)[0],
        lambda g: rotate_with_mask(*pair(9, 9), g)[0],
    ):
        found = [change(chance(seed)) for seed in range(20)]
        assert any(not torch.equal(found[0], other) for other in found)
        for seed in range(20):
            torch.manual_seed(seed)
            assert torch.equal(change(None), found[seed])


def test_flips_and_turns_take_the_mask_along():
    image, mask = pair(5, 5)
    generator = chance()
    flips, turns = set(), set()
    for _ in range(200):
        for seen, change in ((flips, flip_with_mask), (turns, rotate_with_mask)):
            y, y_mask = change(image, mask, generator)
            assert torch.equal(100 * y[0].long() + y[1].long(), y_mask)
            seen.add(tuple(y_mask.flatten().tolist()))
    assert len(flips) == 2
    assert len(turns) == 8


@pytest.mark.parametrize(
    ("edge", "scales"), [(0, (0.5, 2.0)), (8, (0.0, 1.0)), (8, (2.0, 1.0)), (8, (-1.0, 1.0))]
)
def test_crops_that_cannot_be_are_refused(edge, scales):
    with pytest.raises(InputError, match="edge of at least 1"):
        random_scale_crop(*pair(9, 9), edge, scales)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"mask of \(4, 5\) pixels"):
        random_scale_crop(torch.zeros(3, 5, 4), torch.zeros(4, 5, dtype=torch.long), 8)
