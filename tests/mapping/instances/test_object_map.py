"""Maps of objects: each once and whole, wherever windows cut it."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window
from scipy import ndimage
from shapely import box
from tests.cli.conftest import write_tif
from tests.mapping.instances.bright_objects import BrightObjects, drawn, object_model
from torch import Tensor

from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.errors import InputError
from spectile.mapping.cluster import Cluster
from spectile.mapping.compute import Compute
from spectile.mapping.instances.object_map import map_objects, object_batches
from spectile.mapping.instances.object_windows import ObjectWindows
from spectile.mapping.output.unfinished import part_folder
from spectile.networks.instances.detections import Detections

CROP = 32
"""Edge of the windows: over 100 pixels they begin at 0, 17, 34, 51 and 68."""
GRID = Affine(10, 0, 4e5, 0, -10, 5.8e6)


def outlines(classes: NDArray[np.integer], crop: int = CROP, **options: Any) -> list[Any]:
    """What is mapped of a drawn scene, in columns and rows."""
    scene = scene_from_array(drawn(classes))
    compute = Compute("dense", "float32", 1.0, "cpu")
    batches = object_batches(object_model(crop), scene, compute=compute, **options)
    return [one for batch, _ in batches for one in batch]


def numbered(shapes: list[Any], shape: tuple[int, int]) -> NDArray[np.int32]:
    if not shapes:
        return np.zeros(shape, np.int32)
    drawn_shapes = [(one, number) for number, one in enumerate(shapes, start=1)]
    found: NDArray[np.int32] = rasterize(drawn_shapes, shape, dtype="int32")
    return found


def assert_same_objects(found: list[Any], classes: NDArray[np.integer]) -> None:
    """Each connected part of the drawing is one object, to the pixel."""
    labels, count = ndimage.label(classes)
    numbers = numbered(found, classes.shape)
    assert len(found) == count
    np.testing.assert_array_equal(numbers > 0, labels > 0)
    pairs = {*zip(labels[labels > 0].tolist(), numbers[labels > 0].tolist(), strict=True)}
    assert len(pairs) == count
    assert sum(one.area for one in found) == (classes > 0).sum()


def read(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*crs.*")
        return geopandas.read_file(path)


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (7, 7), (12, 5), (16, 16), (5, 90), (30, 60)])
def test_objects_across_every_border_are_there_once_and_whole(size: tuple[int, int]) -> None:
    """Edges, corners, and objects that no window shows whole, each in many places of windows."""
    height, width = size
    classes = np.zeros((131, 145), np.int64)
    for row, top in enumerate(range(0, 131, max(5, height + 2))):
        # Each row begins elsewhere, so that the scene's border and the windows' cut it elsewhere.
        for left in range(-(row * 3 % width), 145, max(4, width + 1)):
            classes[top : top + height, max(0, left) : left + width] = 1 + row % 2
    assert_same_objects(outlines(classes), classes)


def test_rings_snakes_and_neighbours_stay_what_they_are() -> None:
    """Shapes whose pieces are apart in a window and one beyond it."""
    classes = np.zeros((100, 110), np.int64)
    classes[3:97, 3:6] = classes[3:97, 100:103] = classes[94:97, 3:103] = 1  # a U
    classes[10:90, 12:95] = 1
    classes[12:88, 14:93] = 0  # a ring
    classes[20:80, 20:50] = classes[20:80, 51:88] = 2  # two fields, a pixel apart
    classes[84:86, 20:80:2] = 1  # thirty of two pixels
    found = outlines(classes)
    assert len(found) == 1 + 1 + 2 + 30
    assert_same_objects(found, classes)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.integers(24, 64), st.integers(20, 90), st.integers(20, 90))
def test_whatever_is_drawn_is_mapped(seed: int, crop: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(height, width)), rng.uniform(0.7, 6))
    classes = (noise > np.quantile(noise, rng.uniform(0.5, 0.95))).astype(np.int64)
    assert_same_objects(outlines(classes, crop), classes)


class Wavering(BrightObjects):
    """Shifts each box by up to a pixel, with where its window is, and says scores that differ."""

    def detect(self, images: Tensor) -> list[Detections]:
        (found,) = super().detect(images)
        if not len(found):
            return [found]
        shift = float(images[0, 0].sum()) % 3 - 1
        boxes = found.boxes + torch.tensor([shift, 0, shift, 0])
        return [Detections(boxes, found.scores - 0.1 * abs(shift), found.classes, found.masks)]


def test_windows_that_differ_a_little_count_the_same() -> None:
    classes = np.zeros((130, 130), np.int64)
    for top, left in itertools.product(range(2, 120, 11), repeat=2):
        classes[top : top + 7, left : left + 8] = 1
    classes[60:65, 2:128] = 1
    expected = ndimage.label(classes)[1]
    model = object_model(network=Wavering())
    scene = scene_from_array(drawn(classes))
    compute = Compute("dense", "float32", 1.0, "cpu")
    found = sum(len(one) for one, _ in object_batches(model, scene, compute=compute))
    assert abs(found - expected) <= 2


def test_one_thing_of_two_classes_is_of_its_surest_one() -> None:
    class Undecided(BrightObjects):
        def detect(self, images: Tensor) -> list[Detections]:
            (found,) = super().detect(images)
            return [
                Detections(
                    *(torch.cat([part, part]) for part in (found.boxes,)),
                    torch.cat([found.scores - 0.2, found.scores]),
                    torch.cat([found.classes, 1 - found.classes]),
                    torch.cat([found.masks, found.masks]),
                )
            ]

    classes = np.zeros((60, 60), np.int64)
    classes[10:20, 5:50] = classes[30:35, 30:35] = 1
    scene = scene_from_array(drawn(classes))
    compute = Compute("dense", "float32", 1.0, "cpu")
    ((_, told),) = object_batches(object_model(network=Undecided()), scene, compute=compute)
    assert told["class"].tolist() == ["Wäldchen", "Wäldchen"]
    np.testing.assert_allclose(told["score"], 0.9)


def test_gaps_are_no_objects_and_cut_what_reaches_into_them() -> None:
    classes = np.zeros((60, 60), np.int64)
    classes[10:20, 10:20] = classes[40:50, 40:50] = classes[30:34, 5:9] = 1
    pixels = drawn(classes)
    pixels[:, 10:20, 16:] = np.nan  # less than half of the first
    pixels[:, 40:47, 35:55] = np.nan  # more than half of the second
    scene = scene_from_array(pixels)
    # The network sees gaps as the mean, so it is told that they are full of something.
    compute = Compute("dense", "float32", 1.0, "cpu")

    class SeesThrough(BrightObjects):
        def detect(self, images: Tensor) -> list[Detections]:
            whole = torch.from_numpy(drawn(classes))[None]
            return super().detect(whole)

    model = object_model(64, SeesThrough())
    found = [one for batch, _ in object_batches(model, scene, compute=compute) for one in batch]
    assert sorted(one.bounds for one in found) == [(5, 30, 9, 34), (10, 10, 16, 20)]


def test_the_file_tells_each_object_in_the_scenes_coordinates(tmp_path: Path) -> None:
    classes = np.zeros((60, 70), np.int64)
    classes[10:14, 20:25] = 1
    classes[30:50, 2:69] = 2
    scene = scene_from_array(drawn(classes), crs="EPSG:32633", transform=GRID)
    done = map_objects(object_model(), scene, tmp_path / "map.gpkg", numbers=True)
    frame = read(tmp_path / "map.gpkg")
    assert done.objects == len(frame) == 2
    assert frame.crs.to_epsg() == 32633
    assert frame["class"].tolist() == ["field", "Wäldchen"]
    assert frame["number"].tolist() == [1, 2]
    assert frame["pixels"].tolist() == [20, 1340]
    # The ellipsoid's areas: a UTM zone is 0.04% too small in its middle.
    np.testing.assert_allclose(frame["area_m2"], [2000, 134_000], rtol=1e-3)
    assert frame.geometry[0].equals(box(400_200, 5_799_860, 400_250, 5_799_900))
    with rasterio.open(tmp_path / "map_numbers.tif") as raster:
        assert raster.crs.to_epsg() == 32633
        np.testing.assert_array_equal(raster.read(1), classes)


def test_rotated_and_geographic_scenes(tmp_path: Path) -> None:
    classes = np.zeros((40, 40), np.int64)
    classes[5:15, 5:30] = 1
    turned = Affine.translation(4e5, 5.8e6) @ Affine.rotation(30) @ Affine.scale(10, -10)
    scene = scene_from_array(drawn(classes), crs="EPSG:32633", transform=turned)
    map_objects(object_model(), scene, tmp_path / "turned.gpkg")
    (found,) = read(tmp_path / "turned.gpkg").geometry
    assert found.area == pytest.approx(25_000)
    assert found.centroid.coords[0] == pytest.approx(turned @ (17.5, 10))
    degrees = Affine(1e-4, 0, 13, 0, -1e-4, 60)
    scene = scene_from_array(drawn(classes), crs="EPSG:4326", transform=degrees)
    map_objects(object_model(), scene, tmp_path / "degrees.gpkg")
    frame = read(tmp_path / "degrees.gpkg")
    truth = frame.to_crs("EPSG:3035").area[0]  # an equal-area projection
    assert frame["area_m2"][0] == pytest.approx(truth, rel=1e-4)


def test_without_a_coordinate_system_pixels_are_told(tmp_path: Path) -> None:
    classes = np.zeros((40, 50), np.int64)
    classes[5:15, 20:45] = 1
    map_objects(object_model(), scene_from_array(drawn(classes)), tmp_path / "map.gpkg")
    frame = read(tmp_path / "map.gpkg")
    assert "area_m2" not in frame
    assert frame.geometry[0].bounds == (20, 5, 45, 15)


def test_a_scene_without_objects_is_a_file_without_rows(tmp_path: Path) -> None:
    scene = scene_from_array(np.zeros((2, 40, 50), np.float32), crs="EPSG:32633", transform=GRID)
    done = map_objects(object_model(), scene, tmp_path / "map.gpkg", numbers=True)
    frame = read(tmp_path / "map.gpkg")
    assert done.objects == len(frame) == 0
    assert [*frame.columns] == ["number", "class", "score", "pixels", "area_m2", "geometry"]
    with rasterio.open(tmp_path / "map_numbers.tif") as raster:
        assert not raster.read(1).any()


def test_a_score_and_a_region_leave_out(tmp_path: Path) -> None:
    classes = np.zeros((60, 60), np.int64)
    classes[5:9, 5:9] = classes[40:50, 20:40] = 1
    assert len(outlines(classes, score=0.95)) == 0
    assert [one.bounds for one in outlines(classes, region=Window(25, 30, 30, 30))] == [
        (25, 40, 40, 50)
    ]
    with pytest.raises(InputError, match="score"):
        outlines(classes, score=1.5)


class KilledError(Exception):
    pass


def busy_scene(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(size=(90, 110)), 2)
    classes = (noise > np.quantile(noise, 0.7)) * rng.integers(1, 3)
    pixels = drawn(classes) * np.array([1, 1], np.float32)[:, None, None]
    return write_tif(folder / "scene.tif", pixels)


def test_killed_and_resumed_gives_the_same_file(tmp_path: Path) -> None:
    scene, path = open_scene(busy_scene(tmp_path)), tmp_path / "map.gpkg"
    map_objects(object_model(), scene, tmp_path / "whole.gpkg", numbers=True)

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise KilledError

    with pytest.raises(KilledError):
        map_objects(object_model(), scene, path, numbers=True, progress=stop)
    assert not path.exists()
    # A kill may cut the last record short.
    with (part_folder(path) / "objects").open("ab") as file:
        file.write(b"\1\0\0\0\0\0\0\0\7torn")
    with pytest.raises(InputError, match="another score"):
        map_objects(object_model(), scene, path, numbers=True, score=0.1, resume=True)
    seen: list[int] = []
    map_objects(
        *(object_model(), scene, path),
        numbers=True,
        resume=True,
        progress=lambda done, total: seen.append(done),
    )
    assert seen[0] > 0
    assert path.read_bytes() == (tmp_path / "whole.gpkg").read_bytes()
    numbers = [(tmp_path / f"{name}_numbers.tif").read_bytes() for name in ("map", "whole")]
    assert numbers[0] == numbers[1]
    assert not part_folder(path).exists()
    again = map_objects(object_model(), scene, path, numbers=True, resume=True)
    assert again.already
    assert again.objects == len(read(path))


def test_workers_give_the_same_file(tmp_path: Path) -> None:
    scene = open_scene(busy_scene(tmp_path))
    map_objects(object_model(), scene, tmp_path / "here.gpkg")
    map_objects(object_model(), scene, tmp_path / "there.gpkg", cluster=Cluster(workers=1))
    assert (tmp_path / "here.gpkg").read_bytes() == (tmp_path / "there.gpkg").read_bytes()


def test_nothing_of_the_users_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "map.gpkg"
    scene = scene_from_array(drawn(np.eye(40, dtype=np.int64)), crs="EPSG:32633", transform=GRID)
    map_objects(object_model(), scene, path)
    with pytest.raises(InputError, match="exists"):
        map_objects(object_model(), scene, path)
    map_objects(object_model(), scene, path, overwrite=True)
    # Somebody puts a layer of theirs beside ours.
    frame = geopandas.GeoDataFrame({"name": ["mine"]}, geometry=[box(0, 0, 1, 1)], crs=32633)
    frame.to_file(path, layer="mine", mode="a")
    before = path.read_bytes()
    with pytest.raises(InputError, match="is kept"):
        map_objects(object_model(), scene, path, overwrite=True)
    assert path.read_bytes() == before
    own = tmp_path / "own.gpkg"
    frame.to_file(own, layer="objects")
    with pytest.raises(InputError, match="is kept"):
        map_objects(object_model(), scene, own, overwrite=True)
    (tmp_path / "open.gpkg-wal").write_bytes(b"x")
    with pytest.raises(InputError, match="close it"):
        map_objects(object_model(), scene, tmp_path / "open.gpkg")


def test_bad_places_and_too_little_memory(tmp_path: Path) -> None:
    scene = scene_from_array(drawn(np.eye(40, dtype=np.int64)))
    with pytest.raises(InputError, match=r"\.gpkg"):
        map_objects(object_model(), scene, tmp_path / "map.tif")
    with pytest.raises(InputError, match="is no folder"):
        map_objects(object_model(), scene, tmp_path / "none" / "map.gpkg")
    with pytest.raises(InputError, match="allow a memory of at least"):
        map_objects(object_model(), scene, tmp_path / "map.gpkg", memory=1e-6)
    assert [*tmp_path.iterdir()] == []


@given(st.integers(1, 200), st.integers(1, 200), st.integers(8, 64), st.data())
@settings(max_examples=60, deadline=None)
def test_some_window_sees_each_small_box_best(
    height: int, width: int, edge: int, data: st.DataObject
) -> None:
    """What fits into the overlap of windows is whole in one, and that one isn't outvoted."""
    windows = ObjectWindows.over(height, width, edge)
    most = max(1, 2 * (edge // 8))
    top = data.draw(st.integers(0, height - 1))
    left = data.draw(st.integers(0, width - 1))
    bottom = data.draw(st.integers(top + 1, min(height, top + most)))
    right = data.draw(st.integers(left + 1, min(width, left + most)))
    place = (left, top, right, bottom)
    around = [windows.box(number) for number in range(len(windows))]
    whole = [
        number
        for number, (start, first, stop, last) in enumerate(around)
        if start <= left and first <= top and right <= stop and bottom <= last
    ]
    assert whole
    best = max(windows.distance(number, place) for number in whole)
    kept = {number for number in whole if windows.is_best_seen(number, place)}
    assert {n for n in whole if windows.distance(n, place) == best} <= kept
