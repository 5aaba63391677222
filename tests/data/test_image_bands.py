"""Pictures with palettes and alpha channels give a model the bands that it was trained on."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from spectile.data.image_bands import image_bands
from spectile.data.images import read_image
from spectile.data.readers.open import open_scene

SIZE = (12, 15)
PIXELS = np.random.default_rng(0).integers(0, 256, (4, *SIZE)).astype(np.uint8)
PROFILE = {
    "driver": "GTiff",
    "height": SIZE[0],
    "width": SIZE[1],
    "dtype": "uint8",
    "crs": "EPSG:32632",
    "transform": from_origin(5e5, 5.6e6, 10, 10),
}


@pytest.mark.parametrize("nodata", [None, 7])
def test_a_palette_is_read_as_an_image_is(tmp_path: Path, nodata: int | None) -> None:
    colors = np.random.default_rng(1).integers(0, 256, (256, 3))
    with rasterio.open(tmp_path / "a.tif", "w", count=1, nodata=nodata, **PROFILE) as file:
        file.write(PIXELS[:1] % 64)
        file.write_colormap(1, {k: (*map(int, color), 255) for k, color in enumerate(colors)})
    scene = image_bands(open_scene(tmp_path / "a.tif"), 3)
    assert (scene.bands, scene.crs.to_epsg()) == (3, 32632)
    np.testing.assert_array_equal(scene.read(), read_image(tmp_path / "a.tif"))
    window = Window(3, 2, 5, 4)
    again = pickle.loads(pickle.dumps(scene.reader))
    np.testing.assert_array_equal(again.read(window, [2, 0]), scene.read()[[2, 0], 2:6, 3:8])


def test_an_alpha_channel_says_what_is_missing(tmp_path: Path) -> None:
    seen = np.where(np.indices(SIZE)[1] < 4, 0, 255).astype(np.uint8)
    with rasterio.open(tmp_path / "a.tif", "w", count=4, alpha="YES", **PROFILE) as file:
        file.write(np.concatenate([PIXELS[:3], seen[None]]))
    scene = image_bands(open_scene(tmp_path / "a.tif"), 3)
    np.testing.assert_array_equal(scene.read(), read_image(tmp_path / "a.tif"))
    assert np.isnan(scene.read()).sum() == 3 * 4 * 12


def test_other_scenes_stay(tmp_path: Path) -> None:
    with rasterio.open(tmp_path / "a.tif", "w", count=2, **PROFILE) as file:
        file.write(PIXELS[:2])
    scene = open_scene(tmp_path / "a.tif")
    assert image_bands(scene, 3) is scene
