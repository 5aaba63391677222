"""A region, and pixels under a mask: the same pixels as in the map of the whole scene."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.transform import from_origin
from rasterio.windows import Window
from shapely.geometry import Point, box
from tests.cli.conftest import write_tif
from tests.mapping.small_model import BANDS, WINDOW, assert_alike, small_model

from spectile.data.mask import open_mask
from spectile.data.readers.open import open_scene
from spectile.data.region import region_in_pixels, region_on_the_ground
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.scene_map import map_parts, map_scene

HEIGHT, WIDTH = 70, 90
WEST, NORTH, PIXEL = 4e5, 5.8e6, 30


@pytest.fixture(scope="module", autouse=True)
def _nine_tiles() -> Iterator[None]:
    with patch("spectile.mapping.tiles.EDGES", (32,)):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("area")
    pixels = np.random.default_rng(1).normal(0, 1, (BANDS, HEIGHT, WIDTH)).astype(np.float32)
    write_tif(folder / "scene.tif", pixels)
    map_scene(small_model(), open_scene(folder / "scene.tif"), folder / "map.tif")
    return folder


@pytest.fixture
def scene(folder: Path) -> Scene:
    return open_scene(folder / "scene.tif")


@pytest.fixture
def whole(folder: Path) -> np.ndarray:
    return read(folder / "map.tif")


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return file.read(1)


def mapped(scene: Scene, path: Path, **options: Any) -> np.ndarray:
    map_scene(small_model(), scene, path, **options)
    return read(path)


@pytest.mark.parametrize(
    "region", [(0, 0, 90, 70), (17, 5, 40, 60), (89, 69, 1, 1), (30, 0, 3, 70)]
)
def test_a_region_is_cut_out_of_the_whole_map(
    tmp_path: Path, scene: Scene, whole: np.ndarray, region: tuple[int, int, int, int]
) -> None:
    window = region_in_pixels(scene, *region)
    found = mapped(scene, tmp_path / "map.tif", region=window)
    assert_alike(found, whole[window.toslices()])
    with rasterio.open(tmp_path / "map.tif") as file:
        column, row, width, height = region
        assert file.bounds == (
            WEST + PIXEL * column,
            NORTH - PIXEL * (row + height),
            WEST + PIXEL * (column + width),
            NORTH - PIXEL * row,
        )
        assert file.crs == scene.crs


@pytest.mark.parametrize(
    ("region", "words"),
    [((-1, 0, 5, 5), "column -1"), ((0, 66, 5, 5), "inside"), ((0, 0, 0, 5), "0 x 5 pixels")],
)
def test_a_window_outside_is_refused(
    scene: Scene, region: tuple[int, int, int, int], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        region_in_pixels(scene, *region)


@pytest.mark.parametrize(
    ("bounds", "window"),
    [
        ((30, -90, 90, -30), Window(1, 1, 2, 2)),  # along the pixels' edges
        ((30 - 1e-7, -90 - 1e-7, 90 + 1e-7, -30 + 1e-7), Window(1, 1, 2, 2)),  # rounded
        ((31, -89, 61, -61), Window(1, 2, 2, 1)),  # what is touched is in
        ((29.9, -90, 90, -30), Window(0, 1, 3, 2)),
        ((-1e6, -60, 1e6, 1e6), Window(0, 0, WIDTH, 2)),  # what lies outside is not
    ],
)
def test_bounds_take_every_pixel_that_they_touch(
    scene: Scene, bounds: tuple[float, ...], window: Window
) -> None:
    left, bottom, right, top = bounds
    found = region_on_the_ground(scene, WEST + left, NORTH + bottom, WEST + right, NORTH + top)
    assert found == window


def test_bounds_on_a_turned_scene_go_around_what_they_touch(tmp_path: Path) -> None:
    turned = Affine.translation(1000, 1000) @ Affine.rotation(45) @ Affine.scale(10, -10)
    path = write_tif(tmp_path / "s.tif", np.zeros((1, 40, 40), np.uint8), transform=turned)
    x, y = turned @ (20.5, 10.5)
    found = region_on_the_ground(open_scene(path), x - 0.1, y - 0.1, x + 0.1, y + 0.1)
    assert found == Window(20, 10, 1, 1)
    wide = region_on_the_ground(open_scene(path), x - 10, y - 10, x + 10, y + 10)
    assert (wide.width, wide.height) == (3, 3)


def test_bounds_that_make_no_sense_are_refused(tmp_path: Path, scene: Scene) -> None:
    with pytest.raises(InputError, match=r"don't meet .*covers 400000 5797900 402700 5800000"):
        region_on_the_ground(scene, 10.1, 52.1, 10.2, 52.2)
    with pytest.raises(InputError, match="enclose nothing"):
        region_on_the_ground(scene, WEST + 90, NORTH - 90, WEST, NORTH)
    np.save(tmp_path / "s.npy", np.zeros((20, 20, 3)))
    with pytest.raises(InputError, match=r"no georeference.*region"):
        region_on_the_ground(open_scene(tmp_path / "s.npy"), 0, 0, 1, 1)


def square(rows: slice, columns: slice) -> np.ndarray:
    wanted = np.zeros((HEIGHT, WIDTH), np.uint8)
    wanted[rows, columns] = 1
    return wanted


def test_a_raster_picks_the_pixels_that_are_neither_0_nor_nodata(
    tmp_path: Path, scene: Scene, whole: np.ndarray
) -> None:
    values = square(slice(3, 60), slice(5, 20))
    values[40:50, 10] = 7
    values[50:55] = 255
    path = write_tif(tmp_path / "mask.tif", values[None], nodata=255)
    found = mapped(scene, tmp_path / "map.tif", mask=open_mask(path, like=scene))
    wanted = (values > 0) & (values < 255)
    assert_alike(found, np.where(wanted, whole, 0))


def test_only_tiles_with_wanted_pixels_are_read(scene: Scene, tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", square(slice(40, 42), slice(50, 80)))
    mask = open_mask(tmp_path / "mask.npy", like=scene)
    windows = [part.window for part in map_parts(small_model(), scene, mask=mask)]
    assert sorted(windows) == [Window(50, 40, 10, 2), Window(60, 40, 20, 2)]


def test_region_and_mask_hold_together(tmp_path: Path, scene: Scene, whole: np.ndarray) -> None:
    np.save(tmp_path / "mask.npy", square(slice(10, 40), slice(10, 70)))
    mask = open_mask(tmp_path / "mask.npy", like=scene)
    region = Window(30, 20, 50, 50)
    found = mapped(scene, tmp_path / "map.tif", mask=mask, region=region)
    expected = np.zeros((50, 50), np.uint8)
    expected[:20, :40] = whole[20:40, 30:70]
    assert_alike(found, expected)
    with pytest.raises(InputError, match=r"mask\.npy picks no pixel in rows 51 to 70"):
        mapped(scene, tmp_path / "map.tif", mask=mask, region=Window(0, 50, 90, 20))


def test_polygons_pick_the_pixels_whose_centre_they_cover(
    tmp_path: Path, scene: Scene, whole: np.ndarray
) -> None:
    shapes = [
        box(WEST + 300, NORTH - 900, WEST + 1510, NORTH - 500),
        Point(WEST + 2000, NORTH - 2000),
        box(0, 0, 10, 10),
    ]
    fields = geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32633").to_crs(4326)
    fields.to_file(tmp_path / "fields.gpkg")
    found = mapped(
        scene, tmp_path / "map.tif", mask=open_mask(tmp_path / "fields.gpkg", like=scene)
    )
    wanted = square(slice(17, 30), slice(10, 50))
    wanted[66, 66] = 1
    assert_alike(found, np.where(wanted > 0, whole, 0))


def test_masks_that_cannot_be_used_are_refused(tmp_path: Path, scene: Scene) -> None:
    ones = np.ones((1, HEIGHT, WIDTH), np.uint8)
    elsewhere = from_origin(WEST + 15, NORTH, PIXEL, PIXEL)
    geopandas.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs=4326).to_file(tmp_path / "f.gpkg")
    np.save(tmp_path / "scene.npy", np.zeros((HEIGHT, WIDTH, 3)))
    for like, mask, words in (
        (scene, tmp_path / "none.tif", "isn't there"),
        (scene, tmp_path / "none.gpkg", "isn't there"),
        (scene, write_tif(tmp_path / "small.tif", ones[:, :9]), "is 9 rows by 90 columns"),
        (scene, write_tif(tmp_path / "off.tif", ones, transform=elsewhere), "another grid"),
        (scene, write_tif(tmp_path / "rgb.tif", ones.repeat(3, 0)), "has 3 bands"),
        (open_scene(tmp_path / "scene.npy"), tmp_path / "f.gpkg", "has no coordinate system"),
    ):
        with pytest.raises(InputError, match=words):
            open_mask(mask, like=like)


def test_pixels_outside_a_mask_still_lie_in_the_windows_of_those_inside(
    tmp_path: Path, scene: Scene, whole: np.ndarray
) -> None:
    np.save(tmp_path / "mask.npy", square(slice(30, 31), slice(40, 41)))
    mask = open_mask(tmp_path / "mask.npy", like=scene)
    (part,) = map_parts(small_model(), scene, mask=mask)
    assert part.classes.shape == (1, 1) != (WINDOW, WINDOW)
    assert small_model().legend.values[part.classes[0, 0] - 1] == whole[30, 40]
