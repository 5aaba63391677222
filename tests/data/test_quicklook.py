"""Pictures of scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from spectile.data.quicklook import color_bands, quicklook, write_quicklook
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError


def test_true_colour_by_wavelength() -> None:
    wavelengths = [440, 490, 560, 665, 842]  # Sentinel-2
    scene = scene_from_array(np.zeros((5, 4, 4)), wavelengths=wavelengths)
    assert color_bands(scene) == (3, 2, 0)


def test_spread_bands_where_there_is_no_visible_light() -> None:
    infrared = scene_from_array(np.zeros((7, 4, 4)), wavelengths=np.linspace(1000, 2500, 7))
    assert color_bands(infrared) == (5, 3, 1)


@pytest.mark.parametrize(
    ("bands", "shown"), [(1, (0, 0, 0)), (2, (1, 0, 0)), (3, (0, 1, 2)), (6, (4, 2, 1))]
)
def test_bands_without_wavelengths(bands: int, shown: tuple[int, int, int]) -> None:
    assert color_bands(scene_from_array(np.zeros((bands, 4, 4)))) == shown


def test_bad_bands_are_not_shown() -> None:
    scene = scene_from_array(np.zeros((4, 4, 4)), wavelengths=[450, 550, 640, 655])
    scene.good_bands[3] = False
    assert color_bands(scene) == (2, 1, 0)


def test_stretch_and_nodata() -> None:
    ramp = np.tile(np.arange(100, dtype=np.float32), (3, 5, 1))
    ramp[0, 0, 50] = np.nan
    ramp[:, 1, 50] = -9999
    picture = quicklook(scene_from_array(ramp, nodata=-9999))
    assert picture.shape == (5, 100, 3)
    assert picture.dtype == np.uint8
    assert (picture[:2, 50] == 255).all()
    line = picture[3, :, 0].astype(int)
    assert line[0] == 0
    assert line[-1] == 255
    assert (np.diff(line) >= 0).all()
    assert abs(line[50] - 128) < 5


def test_scenes_without_contrast_or_data() -> None:
    assert len(np.unique(quicklook(scene_from_array(np.full((3, 4, 4), 7))))) == 1
    assert (quicklook(scene_from_array(np.full((3, 4, 4), np.nan))) == 255).all()


@pytest.mark.parametrize("shape", [(100, 30), (30, 100), (64, 64), (1, 1)])
def test_no_side_is_longer_than_asked_for(shape: tuple[int, int]) -> None:
    picture = quicklook(scene_from_array(np.zeros((3, *shape))), max_size=33)
    assert max(picture.shape[:2]) <= 33
    assert min(picture.shape[:2]) >= 1


def test_written_and_read_again(tmp_path: Path) -> None:
    scene = scene_from_array(np.random.default_rng(0).random((3, 20, 30)))
    write_quicklook(scene, tmp_path / "look.png")
    seen = (imread(tmp_path / "look.png")[..., :3] * 255).round()
    np.testing.assert_array_equal(seen, quicklook(scene))
    assert [path.name for path in tmp_path.iterdir()] == ["look.png"]


def test_names_and_places_that_cannot_be_written(tmp_path: Path) -> None:
    scene = scene_from_array(np.zeros((3, 4, 4)))
    with pytest.raises(InputError, match=r"look\.xyz is no name for a picture"):
        write_quicklook(scene, tmp_path / "look.xyz")
    with pytest.raises(InputError, match=r"look\.png can't be written"):
        write_quicklook(scene, tmp_path / "absent" / "look.png")
