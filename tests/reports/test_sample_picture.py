"""Pictures of images of any bands and type."""

from __future__ import annotations

import numpy as np
import pytest

from spectile.reports.sample_picture import sample_picture

RAMP = np.tile(np.linspace(0, 1, 101), (5, 1))


def test_a_photo_is_shown_as_it_is() -> None:
    photo = np.random.default_rng(0).integers(90, 110, (3, 4, 6), dtype=np.uint8)
    assert (sample_picture(photo) == photo.transpose(1, 2, 0)).all()
    assert (sample_picture(photo, (2, 1, 0)) == photo[::-1].transpose(1, 2, 0)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_a_single_band_is_stretched_to_grey(dtype: type) -> None:
    picture = sample_picture((RAMP * 100 + 20).astype(dtype)[None])
    assert picture.shape == (5, 101, 3)
    assert picture.dtype == np.uint8
    assert (picture == picture[..., :1]).all()
    assert picture.min() == 0
    assert picture.max() == 255


def test_gaps_are_mid_grey_and_do_not_spoil_the_stretch() -> None:
    image = np.stack([RAMP] * 3).astype(np.float32)
    image[1, 2, 3] = np.nan
    image[0, 2, 4] = np.inf
    picture = sample_picture(image)
    assert (picture[2, 3:5] == 128).all()
    assert (picture[0, [0, -1]] == [[0] * 3, [255] * 3]).all()
    assert (sample_picture(np.full((4, 2, 3), np.nan)) == 128).all()


def test_many_bands_are_shown_by_three_of_those_that_hold_data() -> None:
    image = np.full((60, 5, 101), np.nan, np.float32)
    image[10:13] = RAMP, 1 - RAMP, RAMP
    picture = sample_picture(image).astype(int)
    assert (picture[0, 0] == [0, 255, 0]).all()
    assert (picture[0, -1] == [255, 0, 255]).all()
    assert (sample_picture(image, (11, 11, 11))[0, 0] == 255).all()


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 1, 1), (7, 1, 300), (3, 1500, 2)])
def test_any_shape_keeps_its_sides(shape: tuple[int, int, int]) -> None:
    picture = sample_picture(np.random.default_rng(0).normal(size=shape))
    assert picture.shape == (*shape[1:], 3)
