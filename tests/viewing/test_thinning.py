from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.viewing import thinning
from spectile.viewing.thinning import Thinned


def write(path: Path, pixels: np.ndarray, **profile: object) -> Path:
    bands, height, width = pixels.shape
    form = {"driver": "GTiff", "count": bands, "dtype": pixels.dtype, "crs": "EPSG:32633"}
    place = {"transform": rasterio.transform.from_origin(0, 0, 10, 10)}
    with rasterio.open(path, "w", height=height, width=width, **{**form, **place, **profile}) as to:
        to.write(pixels)
    return path


@pytest.mark.parametrize("tiled", [True, False])
@pytest.mark.parametrize("most", [7, 50, 100, 300])
def test_every_nth_pixel_is_the_scenes_own(tmp_path: Path, tiled: bool, most: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 9999, (4, 130, 190)).astype(np.uint16)
    form = {"tiled": tiled, "blockxsize": 64, "blockysize": 64} if tiled else {}
    thinned = Thinned(open_scene(str(write(tmp_path / "scene.tif", pixels, **form))))
    grid = thinned.grid((10.5, 99.2), (20, 500), most=most, bands=2)
    seen = thinned.read(grid, [3, 1])
    assert seen.shape == (2, grid.height, grid.width)
    assert max(grid.height, grid.width) <= most + 1
    assert grid.row <= 10
    assert grid.row + grid.height * grid.step >= 100
    # Of large tiles the pixel in the middle of a step.
    shift = grid.step // 2 if tiled and grid.step > 64 else 0
    rows, columns = grid.rows + shift, np.minimum(grid.columns + shift, 189)
    np.testing.assert_array_equal(seen, pixels[[3, 1]][:, rows][:, :, columns])


def test_zoomed_in_every_pixel_is_shown() -> None:
    pixels = np.arange(3 * 50 * 70).reshape(3, 50, 70)
    thinned = Thinned(scene_from_array(pixels))
    grid = thinned.grid((10, 20), (30, 45), most=400, bands=1)
    assert grid.step == 1
    np.testing.assert_array_equal(thinned.read(grid, [2])[0], pixels[2, 10:20, 30:45])


def test_overviews_are_read_where_the_file_has_some(tmp_path: Path) -> None:
    pixels = np.zeros((1, 512, 512), np.uint8)
    path = write(tmp_path / "scene.tif", pixels)
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([4], Resampling.nearest)
    with rasterio.open(path, "r+", OVERVIEW_LEVEL=0) as raster:  # told apart from the pixels
        raster.write(np.full((1, 128, 128), 7, np.uint8))
    thinned = Thinned(open_scene(str(path)))
    for most, value in ((128, 7), (64, 7), (512, 0)):
        grid = thinned.grid((0, 512), (0, 512), most=most, bands=1)
        assert np.unique(thinned.read(grid, [0])).tolist() == [value]


def test_few_blocks_of_a_file_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((5, 640, 640), np.uint8)
    form = {"tiled": True, "blockxsize": 64, "blockysize": 64, "interleave": "pixel"}
    thinned = Thinned(open_scene(str(write(tmp_path / "scene.tif", pixels, **form))))
    monkeypatch.setattr(thinning, "BUDGET", 16 * 5 * 64 * 64)
    coarse = thinned.grid((0, 640), (0, 640), most=320, bands=3)
    assert coarse.height * coarse.width <= 16
    assert thinned.grid((0, 64), (0, 64), most=320, bands=3).step == 1
