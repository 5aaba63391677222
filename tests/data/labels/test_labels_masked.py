"""Label rasters with masks: what is hidden is no label, on the scene's grid or on another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from tests.data.readers.test_open_raster import write_tif

from spectile.data.labels.labels import open_labels
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene

PLACE = Affine(10, 0, 500_000, 0, -10, 5_800_000)
MOVED = PLACE @ Affine.translation(-3, -2)
CLASSES = np.repeat([[1, 2]], 10, axis=1).repeat(20, axis=0).astype(np.uint8)
HIDDEN = np.zeros((20, 20), np.bool_)
HIDDEN[:5] = True


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return open_scene(
        write_tif(tmp_path / "scene.tif", np.ones((2, 20, 20), np.int16), transform=PLACE)
    )


def on_grid(array: np.ndarray, moved: bool) -> np.ndarray:
    return np.pad(array, ((2, 5), (3, 4)), mode="edge") if moved else array


moved_or_not = pytest.mark.parametrize("moved", [False, True])


@moved_or_not
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("nodata", [None, 0, 2, 255])
def test_masks(tmp_path: Path, scene: Scene, moved: bool, inside: bool, nodata: int | None) -> None:
    path = tmp_path / "labels.tif"
    place = MOVED if moved else PLACE
    write_tif(path, on_grid(CLASSES, moved)[None], transform=place, nodata=nodata)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as file:
        file.write_mask(~on_grid(HIDDEN, moved))
    labels = open_labels(path, like=scene)
    wanted = np.where(HIDDEN, 0, CLASSES)
    wanted[wanted == nodata] = 0
    np.testing.assert_array_equal(np.array([0, *labels.legend.values])[labels.classes], wanted)


@moved_or_not
def test_an_alpha_band(tmp_path: Path, scene: Scene, moved: bool) -> None:
    path = tmp_path / "labels.tif"
    seen = np.where(HIDDEN, 0, 255).astype(np.uint8)
    bands = np.stack([on_grid(CLASSES, moved), on_grid(seen, moved)])
    write_tif(path, bands, transform=MOVED if moved else PLACE)
    with rasterio.open(path, "r+") as file:
        file.colorinterp = (ColorInterp.gray, ColorInterp.alpha)
    labels = open_labels(path, like=scene)
    np.testing.assert_array_equal(labels.classes, np.where(HIDDEN, 0, CLASSES))


@moved_or_not
def test_an_odd_spelling_of_the_ignored_value(
    write_envi: Callable[..., Path], scene: Scene, moved: bool
) -> None:
    stored = on_grid(np.where(HIDDEN, 9, CLASSES).astype(np.uint8), moved)[None]
    place = MOVED if moved else PLACE
    path = write_envi(
        stored,
        "labels.dat",
        fields="data ignore value = {9}\n"
        f"map info = {{UTM, 1, 1, {place.c}, {place.f}, 10, 10, 33, North, WGS-84}}\n",
    )
    labels = open_labels(path, like=scene)
    np.testing.assert_array_equal(labels.classes, np.where(HIDDEN, 0, CLASSES))
