"""Maps by a network of every pixel: the same bytes however they come about, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window
from tests.cli.conftest import write_tif
from tests.mapping.small_model import small_model
from tests.mapping.small_segmenter import BANDS, CLASSES, LooksAround, segment_model

from spectile import networks
from spectile.api.model import load
from spectile.data.mask import Mask
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.cluster import Cluster
from spectile.mapping.compute import Compute
from spectile.mapping.pixels import pixel_mapper
from spectile.mapping.pixels.pixel_mapper import PixelMapper
from spectile.mapping.scene_map import map_parts, map_scene
from spectile.model.trained_task import ImageTask

HEIGHT, WIDTH, EDGE = 100, 130, 48
EVERYTHING: dict[str, Any] = {"probabilities": True, "entropy": True}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    pixels = np.random.default_rng(1).normal(0, 1, (BANDS, HEIGHT, WIDTH)).astype(np.float32)
    pixels[1, 40:44, 60:70] = np.nan
    write_tif(tmp_path / "scene.tif", pixels, compress="deflate")
    return open_scene(tmp_path / "scene.tif")


@pytest.fixture
def whole(tmp_path: Path, scene: Scene) -> Path:
    """The folder of a map made at once."""
    (tmp_path / "whole").mkdir()
    summary = map_scene(segment_model(), scene, tmp_path / "whole/map.tif", **EVERYTHING)
    assert (summary.method, summary.reason) == ("blended", "")
    return tmp_path / "whole"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("map*")}


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        pixels: np.ndarray = file.read()
    return pixels


def test_the_map_has_the_legends_values_and_the_scenes_gaps(whole: Path) -> None:
    classes, probabilities = read(whole / "map.tif")[0], read(whole / "map_probabilities.tif")
    gap = np.zeros((HEIGHT, WIDTH), np.bool_)
    gap[40:44, 60:70] = True
    np.testing.assert_array_equal(classes == 0, gap)
    assert set(np.unique(classes)) == {0, 3, 7, 14}
    assert np.isnan(probabilities[:, gap]).all()
    np.testing.assert_allclose(probabilities[:, ~gap].sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(
        np.array([3, 7, 14])[probabilities[:, ~gap].argmax(axis=0)], classes[~gap]
    )


def test_another_memory_gives_the_same_bytes(tmp_path: Path, scene: Scene, whole: Path) -> None:
    least = PixelMapper(segment_model(), scene, Compute(memory=1e-9)).gigabytes(EDGE)
    map_scene(segment_model(), scene, tmp_path / "map.tif", memory=least, **EVERYTHING)
    assert contents(tmp_path) == contents(whole)


def test_too_little_memory_is_refused_with_the_least(tmp_path: Path, scene: Scene) -> None:
    for memory in (1e-6, PixelMapper(segment_model(), scene).gigabytes(EDGE) / 5):
        with pytest.raises(InputError, match=r"windows of 48 pixels .* least 0\.1 GB"):
            map_scene(segment_model(), scene, tmp_path / "map.tif", memory=memory)


def test_a_stopped_map_goes_on_to_the_same_bytes(tmp_path: Path, scene: Scene, whole: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > 0.4 * total:
            raise KeyboardInterrupt

    path = tmp_path / "map.tif"
    with pytest.raises(KeyboardInterrupt):
        map_scene(segment_model(), scene, path, progress=stop, **EVERYTHING)
    with pytest.raises(InputError, match="begun with another model"):
        map_scene(segment_model(LooksAround(4)), scene, path, resume=True, **EVERYTHING)
    reports: list[tuple[int, int]] = []
    map_scene(
        *(segment_model(), scene, path),
        **EVERYTHING,
        resume=True,
        progress=lambda *report: reports.append(report),
    )
    assert reports[0][0] > 0.3 * HEIGHT * WIDTH
    assert reports[-1] == (HEIGHT * WIDTH, HEIGHT * WIDTH)
    assert contents(tmp_path) == contents(whole)


@pytest.mark.parametrize("region", [(0, 0, 130, 100), (33, 17, 61, 70), (129, 99, 1, 1)])
def test_a_region_is_cut_out_of_the_whole_map(
    tmp_path: Path, scene: Scene, whole: Path, region: tuple[int, int, int, int]
) -> None:
    window = Window(*region)
    map_scene(segment_model(), scene, tmp_path / "map.tif", region=window, **EVERYTHING)
    for name in ("map.tif", "map_probabilities.tif", "map_entropy.tif"):
        inside = (slice(None), *window.toslices())
        np.testing.assert_array_equal(read(tmp_path / name), read(whole / name)[inside])


def test_only_windows_around_wanted_pixels_are_computed(
    tmp_path: Path, scene: Scene, whole: Path
) -> None:
    wanted = np.zeros((HEIGHT, WIDTH), np.bool_)
    wanted[5:9, 100:120] = wanted[70, 3] = True
    mask = Mask("mask.tif", lambda window: wanted[window.toslices()])
    network, calls = LooksAround(3), []
    with network.register_forward_hook(lambda *_: calls.append(1)):
        map_scene(segment_model(network), scene, tmp_path / "map.tif", mask=mask, **EVERYTHING)
    assert len(calls) <= 2 + 4  # the first two tell how much memory a window takes
    for name in ("map.tif", "map_probabilities.tif"):
        none = 0 if name == "map.tif" else np.nan
        expected = np.where(wanted, read(whole / name), none)
        np.testing.assert_array_equal(read(tmp_path / name), expected)


def test_a_damaged_piece_is_like_one_without_data(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "scene.tif"
    with rasterio.open(path) as file:
        pixels, (height, width) = file.read(), file.block_shapes[0]
        place, size = (
            int(file.get_tag_item(f"BLOCK_{what}_0_2", "TIFF", bidx=1))
            for what in ("OFFSET", "SIZE")
        )
    pixels[:, 2 * height : 3 * height, :width] = np.nan
    gap = open_scene(write_tif(tmp_path / "gap.tif", pixels))
    map_scene(segment_model(), gap, tmp_path / "expected.tif", probabilities=True)
    content = bytearray(path.read_bytes())
    content[place + 8 : place + size] = b"\xff" * (size - 8)
    path.write_bytes(content)
    out = tmp_path / "map.tif"
    with pytest.raises(InputError, match="keep_going=True"):
        map_scene(segment_model(), open_scene(path), out, probabilities=True)
    summary = map_scene(
        *(segment_model(), open_scene(path), out),
        probabilities=True,
        keep_going=True,
        overwrite=True,
    )
    assert {lost.window for lost in summary.damage} == {Window(0, 2 * height, width, height)}
    np.testing.assert_array_equal(read(out), read(tmp_path / "expected.tif"))
    probabilities, expected = (
        read(tmp_path / f"{name}_probabilities.tif") for name in ("map", "expected")
    )
    np.testing.assert_array_equal(probabilities, expected)


def test_workers_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # other processes don't know of small windows
    monkeypatch.setattr(pixel_mapper, "GROUP", (1, 1))  # so that both have something to do
    pixels = np.random.default_rng(1).normal(0, 1, (BANDS, 40, 1000)).astype(np.float32)
    scene = open_scene(write_tif(tmp_path / "scene.tif", pixels))
    (tmp_path / "whole").mkdir()
    map_scene(segment_model(), scene, tmp_path / "whole/map.tif", **EVERYTHING)
    map_scene(
        *(segment_model(), scene, tmp_path / "map.tif"), **EVERYTHING, cluster=Cluster(workers=2)
    )
    assert contents(tmp_path) == contents(tmp_path / "whole")


def test_groups_hold_every_tile_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_mapper, "GROUP", (2, 2))
    mapper = PixelMapper(segment_model(), scene)
    tiles = list(mapper.tiles(EDGE))
    groups = mapper.groups(tiles, 10**9)
    assert sorted(tile for group in groups for tile in group) == sorted(tiles)
    assert sorted(map(len, groups)) == [2, 2, 4, 4]


def test_fewer_digits_only_when_asked_for(scene: Scene) -> None:
    exact, short = (
        next(iter(map_parts(segment_model(), scene, precision=precision)))  # type: ignore[arg-type]
        for precision in ("float32", "bf16")
    )
    assert 0 < np.abs(exact.probabilities - short.probabilities).max() < 0.05
    assert short.probabilities.dtype == np.float32


def test_patch_by_patch_has_no_meaning(tmp_path: Path, scene: Scene) -> None:
    with pytest.raises(InputError, match="all pixels of a window at once"):
        map_scene(segment_model(), scene, tmp_path / "map.tif", method="patches")


def test_a_model_of_whole_images_maps_nothing(tmp_path: Path, scene: Scene) -> None:
    model = replace(segment_model(), trained_for=ImageTask())
    with pytest.raises(InputError, match="classifies whole images: use spectile predict"):
        map_scene(model, scene, tmp_path / "map.tif")
    with pytest.raises(InputError, match="use spectile predict"):
        model.map(np.zeros((BANDS, 20, 20), np.float32))
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


def test_a_saved_model_maps_a_scene_smaller_than_its_crops(tmp_path: Path) -> None:
    network = networks.create(
        "deeplab-v3-plus", bands=BANDS, classes=CLASSES, backbone="mobilenet-v2"
    )
    segment_model(network.eval(), window=64).save(tmp_path / "model.safetensors")
    pixels = np.random.default_rng(1).normal(0, 1, (BANDS, 20, 33)).astype(np.float32)
    arrays = load(tmp_path / "model.safetensors").map(pixels, probabilities=True)
    assert arrays.classes.shape == (20, 33)
    again = segment_model(network, window=64).map(pixels)
    np.testing.assert_array_equal(arrays.classes, again)


def test_a_window_model_still_needs_its_window() -> None:
    scene = scene_from_array(np.zeros((6, 5, 50), np.float32))
    with pytest.raises(InputError, match="smaller than the model's window"):
        small_model().map(scene)
