"""Batches changed at random: what moves where, how often, and by chance that can be repeated."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spectile.errors import InputError
from spectile.training.augmentation import (
    augment_spectra,
    cutmix,
    erase_rectangles,
    flip_horizontally,
    jitter_colours,
    mixup,
    random_crop,
    rotate_and_flip,
    within_class_directions,
)

CLASSES = 5


def images(count: int = 64, bands: int = 7, height: int = 9, width: int = 12) -> Tensor:
    """No two values alike, none of them 0."""
    return torch.arange(1.0, count * bands * height * width + 1).reshape(
        count, bands, height, width
    )


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labels(count: int) -> Tensor:
    return torch.arange(count) % CLASSES


CHANGES = {
    "flip": flip_horizontally,
    "turn": lambda x, generator: rotate_and_flip(x[..., :9], generator),
    "crop": lambda x, generator: random_crop(x, 3, generator=generator),
    "erase": lambda x, generator: erase_rectangles(x, generator=generator),
    "colour": lambda x, generator: jitter_colours(x[:, :3] / x.max(), generator=generator),
    "mixup": lambda x, generator: mixup(x, labels(64), count=CLASSES, generator=generator)[0],
    "cutmix": lambda x, generator: cutmix(x, labels(64), count=CLASSES, generator=generator)[0],
    "shift": lambda x, generator: augment_spectra(x, torch.eye(7), 100.0, generator),
}


@pytest.mark.parametrize("name", CHANGES)
def test_chance_comes_from_the_generator_or_the_global_seed(name):
    change, x = CHANGES[name], images()
    before = x.clone()
    found = change(x, chance(3))
    assert torch.equal(x, before), "the input was written to"
    torch.rand(1)
    assert torch.equal(change(x, chance(3)), found)
    assert not torch.equal(change(x, chance(4)), found)
    torch.manual_seed(3)
    assert torch.equal(change(x, None), found)


def test_half_of_the_images_are_mirrored():
    x = images(400)
    y = flip_horizontally(x, chance())
    kept = (y == x).flatten(1).all(1)
    mirrored = (y == x.flip(3)).flatten(1).all(1)
    assert (kept ^ mirrored).all()
    assert 160 < kept.sum() < 240


def test_crops_are_the_images_shifted_over_zeros():
    x = images(300)
    y = random_crop(x, 2, generator=chance())
    shifts = set()
    for old, new in zip(x, y, strict=True):
        first = int(new[0].count_nonzero(1).argmax())
        column = int(new[0, first].nonzero()[0])
        row, old_column = divmod(int(new[0, first, column] - old[0, 0, 0]), 12)
        down, right = first - row, column - old_column
        assert abs(down) <= 2
        assert abs(right) <= 2
        padded = torch.nn.functional.pad(old, (2, 2, 2, 2))
        assert torch.equal(new, padded[:, 2 - down : 11 - down, 2 - right : 14 - right])
        shifts.add((down, right))
    assert len(shifts) == 25


def test_crops_reflect_at_the_border():
    y = random_crop(images(200), 4, "reflection", chance())
    assert y.count_nonzero() == y.numel()
    # Reflected without the border pixel itself: neighbours differ by one everywhere.
    assert (y.diff(dim=3).abs() == 1).all()


@pytest.mark.parametrize(("padding", "filling"), [(-1, "zeros"), (9, "reflection")])
def test_padding_that_cannot_be_is_refused(padding, filling):
    with pytest.raises(InputError, match="smaller padding"):
        random_crop(images(1), padding, filling)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_what_is_erased_is_one_rectangle_of_all_bands(height, width, seed):
    x = images(6, 2, height, width)
    y = erase_rectangles(x, 1.0, (0.1, 0.5), chance(seed))
    erased = y == 0
    assert torch.equal(y[~erased], x[~erased])
    assert torch.equal(erased[:, 0], erased[:, 1])
    for lost in erased[:, 0]:
        rows, columns = lost.any(1), lost.any(0)
        assert torch.equal(lost, rows[:, None] & columns[None])
        for line in (rows, columns):
            assert line.any()
            assert line.float().diff().abs().sum() <= 2, "in two pieces"


def test_erasing_keeps_its_probability_area_and_reach():
    x = torch.ones(4000, 1, 32, 32)
    lost = erase_rectangles(x, 0.25, (0.02, 0.2), chance())[:, 0] == 0
    share = lost.float().mean((1, 2))
    hit = share > 0
    assert hit.float().mean() == pytest.approx(0.25, abs=0.02)
    assert share[hit].mean() == pytest.approx(0.11, abs=0.01)
    assert share[hit].min() > 0.01
    assert share[hit].max() < 0.23
    everywhere = lost.float().mean(0)
    assert everywhere.min() > 0, "some pixels are never erased"
    tall = (lost.any(2).sum(1) > lost.any(1).sum(1))[hit].float().mean()
    wide = (lost.any(2).sum(1) < lost.any(1).sum(1))[hit].float().mean()
    assert float(tall) == pytest.approx(float(wide), abs=0.06)


@pytest.mark.parametrize(("probability", "area"), [(1.5, (0.1, 0.2)), (0.5, (0.4, 0.2))])
def test_erasing_out_of_range_is_refused(probability, area):
    with pytest.raises(InputError, match="numbers from 0 to 1"):
        erase_rectangles(images(1), probability, area)


def test_colours_of_a_photo_keep_grey_grey_and_stay_in_range():
    grey = torch.rand(50, 1, 8, 8, generator=chance()).expand(-1, 3, -1, -1)
    y = jitter_colours(grey, generator=chance())
    torch.testing.assert_close(y, y[:, :1].expand_as(y))
    y = jitter_colours(torch.rand(50, 3, 8, 8, generator=chance()), 1, 1, 1, chance())
    assert y.min() >= 0
    assert y.max() <= 1


def test_each_colour_factor_does_its_own():
    x = torch.rand(200, 3, 8, 8, generator=chance()) * 0.3 + 0.3
    brighter = jitter_colours(x, 0.5, 0, 0, chance())
    ratio = brighter / x
    torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio))
    assert 0.5 <= ratio.min() < 0.55
    assert 1.45 < ratio.max() <= 1.5
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    starker = jitter_colours(x, 0, 0.5, 0, chance())
    old, new = ((y * luma).sum(1).mean((1, 2)) for y in (x, starker))
    torch.testing.assert_close(new, old)
    assert not torch.allclose(starker.std((1, 2, 3)), x.std((1, 2, 3)), rtol=0.1)
    richer = jitter_colours(x, 0, 0, 0.5, chance())
    torch.testing.assert_close((richer * luma).sum(1), (x * luma).sum(1))
    assert not torch.allclose(richer, x, atol=0.01)


def test_no_jitter_changes_nothing():
    x = torch.rand(5, 3, 8, 8)
    torch.testing.assert_close(jitter_colours(x, 0, 0, 0), x)


@pytest.mark.parametrize("bands", [1, 4, 12])
def test_colours_of_anything_but_photos_are_refused(bands):
    with pytest.raises(InputError, match=f"those of {bands} bands: leave colour jitter out"):
        jitter_colours(torch.rand(2, bands, 4, 4))


def test_colour_jitter_out_of_range_is_refused():
    with pytest.raises(InputError, match="numbers from 0 to 1"):
        jitter_colours(torch.rand(2, 3, 4, 4), contrast=1.5)


@pytest.mark.parametrize("seed", range(5))
def test_mixup_mixes_images_and_classes_alike(seed):
    count = 16
    x = torch.eye(count)[:, :, None, None].expand(-1, -1, 2, 2)  # each image says who it is
    y, targets = mixup(x, labels(count), count=CLASSES, alpha=1.0, generator=chance(seed))
    parts = y[:, :, 0, 0]
    torch.testing.assert_close(parts.sum(1), torch.ones(count))
    assert (parts > 0).sum(1).max() == 2
    torch.testing.assert_close(
        parts @ torch.nn.functional.one_hot(labels(count), CLASSES).float(), targets
    )
    alone = parts.diagonal() == 1
    torch.testing.assert_close(parts.diagonal()[~alone].unique().numel(), 1)


def test_shares_of_mixup_are_from_the_beta_distribution():
    x, classes = torch.eye(2)[:, :, None, None], torch.tensor([0, 1])
    generator = chance()
    for alpha in (0.2, 1.0, 4.0):
        drawn = []
        while len(drawn) < 400:
            y, _ = mixup(x, classes, count=2, alpha=alpha, generator=generator)
            if 0 < (own := float(y[0, 0, 0, 0])) < 1:  # else it was its own partner
                drawn.append(own)
        shares = torch.tensor(drawn)
        assert shares.mean() == pytest.approx(0.5, abs=0.06)
        assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.2)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31))
def test_cutmix_targets_are_shares_of_pixels(height, width, seed):
    count = 6
    own = torch.arange(float(count))[:, None, None, None].expand(-1, 3, height, width)
    classes = labels(count)
    y, targets = cutmix(own, classes, count=CLASSES, generator=chance(seed))
    foreign = y[:, 0] != own[:, 0]
    for index in range(count):
        pixels = classes[y[index, 0].flatten().long()].bincount(minlength=CLASSES)
        torch.testing.assert_close(targets[index], pixels / (height * width))
        rows, columns = foreign[index].any(1), foreign[index].any(0)
        assert torch.equal(foreign[index], rows[:, None] & columns[None])


def test_cutmix_covers_what_beta_says():
    """The rectangle is cut at the border, so a little less than half on average."""
    x = torch.tensor([0.0, 1.0])[:, None, None, None].expand(-1, 1, 32, 32)
    generator = chance()
    shares = []
    while len(shares) < 500:
        y, _ = cutmix(x, torch.tensor([0, 1]), count=2, generator=generator)
        if y[0].any():
            shares.append(float(y[0].mean()))
    assert 0.3 < sum(shares) / len(shares) < 0.45


@pytest.mark.parametrize("mix", [mixup, cutmix])
@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_an_alpha_without_a_distribution_is_refused(mix, alpha):
    with pytest.raises(InputError, match="choose one above 0"):
        mix(images(2), torch.tensor([0, 1]), count=2, alpha=alpha)


def test_a_batch_of_one_is_mixed_with_itself():
    x, classes = images(1), torch.tensor([3])
    for mix in (mixup, cutmix):
        y, targets = mix(x, classes, count=CLASSES, generator=chance())
        torch.testing.assert_close(y, x)
        torch.testing.assert_close(targets, torch.tensor([[0.0, 0, 0, 1, 0]]))


def test_spectra_are_shifted_as_they_differ_within_a_class() -> None:
    factor = torch.tensor([[3.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.0, 0.1]])
    generator = chance(1)
    classes = torch.arange(20_000) % CLASSES
    means = 50 * torch.randn(CLASSES, 3, generator=generator)
    spectra = means[classes] + torch.randn(20_000, 3, generator=generator) @ factor.T
    directions = within_class_directions(spectra, classes)
    torch.testing.assert_close(directions @ directions.T, factor @ factor.T, rtol=0.05, atol=0.02)
    flat = torch.zeros(3000, 3, 40, 33)
    shifts = augment_spectra(flat, directions, 0.5, generator)
    found = torch.cov(shifts[:, :, 20, 16].T)
    # What lies between the drawn places is interpolated, and varies less.
    share = float(found.trace() / (factor @ factor.T).trace())
    assert 0.05 < share <= 0.27
    torch.testing.assert_close(found / share, factor @ factor.T, rtol=0.2, atol=0.06)
    # Smooth: neighbours move alike, far ones don't.
    first = shifts[:, 0]
    assert float(torch.corrcoef(torch.stack([first[:, 20, 16], first[:, 20, 17]]))[0, 1]) > 0.98
    assert abs(float(torch.corrcoef(torch.stack([first[:, 0, 0], first[:, 39, 32]]))[0, 1])) < 0.1


@given(height=st.integers(1, 70), width=st.integers(1, 70))
@settings(max_examples=25, deadline=None)
def test_shifted_images_keep_their_size(height: int, width: int) -> None:
    images = torch.zeros(2, 3, height, width)
    assert augment_spectra(images, torch.eye(3), 1.0).shape == images.shape
