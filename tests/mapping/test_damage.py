"""A damaged block costs the pixels that it touches and nothing else, if it may."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window
from tests.mapping.small_model import BANDS, WINDOW, small_model

from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene, UnreadableError
from spectile.errors import InputError
from spectile.mapping.output.unfinished import part_folder
from spectile.mapping.scene_map import map_scene

HEIGHT, WIDTH, BLOCK = 150, 170, 32


@pytest.fixture(autouse=True)
def _nine_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectile.mapping.tiles.EDGES", (64,))


@pytest.fixture(params=["pixel", "band"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    pixels = np.random.default_rng(1).normal(0, 1, (BANDS, HEIGHT, WIDTH)).astype(np.float32)
    with rasterio.open(
        tmp_path / "scene.tif",
        "w",
        driver="GTiff",
        count=BANDS,
        height=HEIGHT,
        width=WIDTH,
        dtype="float32",
        compress="deflate",
        tiled=True,
        blockxsize=BLOCK,
        blockysize=BLOCK,
        interleave=request.param,
        crs="EPSG:32633",
        transform=rasterio.transform.from_origin(4e5, 5.8e6, 30, 30),
    ) as file:
        file.write(pixels)
    return tmp_path / "scene.tif"


def damage(path: Path, row: int, column: int) -> Window:
    """Spoil the block at a place of the grid of blocks; gives its pixels."""
    with rasterio.open(path) as file:
        tags = [
            int(file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=2))
            for what in ("OFFSET", "SIZE")
        ]
    content = bytearray(path.read_bytes())
    content[tags[0] + 8 : tags[0] + tags[1]] = b"\xff" * (tags[1] - 8)
    path.write_bytes(content)
    top, left = row * BLOCK, column * BLOCK
    return Window(left, top, min(BLOCK, WIDTH - left), min(BLOCK, HEIGHT - top))


def mapped(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return file.read()


def test_no_more_is_lost_than_the_windows_that_touch_the_damage(tmp_path: Path, path: Path) -> None:
    map_scene(small_model(), open_scene(path), tmp_path / "whole.tif", entropy=True)
    blocks = [damage(path, 1, 2), damage(path, 4, 5)]
    summary = map_scene(
        *(small_model(), open_scene(path), tmp_path / "map.tif"),
        entropy=True,
        keep_going=True,
    )
    assert {error.window for error in summary.damage} == set(blocks)
    assert {error.source for error in summary.damage} == {str(path)}
    near = np.zeros((HEIGHT, WIDTH), np.bool_)
    for block in blocks:
        top, left = block.row_off - WINDOW // 2, block.col_off - WINDOW // 2
        near[top : top + block.height + WINDOW - 1, left : left + block.width + WINDOW - 1] = True
    expected = np.where(near, 0, mapped(tmp_path / "whole.tif")[0])
    np.testing.assert_array_equal(mapped(tmp_path / "map.tif")[0], expected)
    whole, entropy = (mapped(tmp_path / f"{name}_entropy.tif")[0] for name in ("whole", "map"))
    np.testing.assert_array_equal(entropy, np.where(near, np.nan, whole))


def test_without_keeping_going_the_sentence_says_where(tmp_path: Path, path: Path) -> None:
    damage(path, 4, 5)
    with pytest.raises(InputError) as refused:
        map_scene(small_model(), open_scene(path), tmp_path / "map.tif")
    message = str(refused.value)
    assert message.startswith(f"{path} can't be read in rows 97 to 150, columns 110 to 170 (")
    assert "keep_going=True" in message
    assert message.endswith("; what is mapped is kept for resume=True.")
    assert not (tmp_path / "map.tif").exists()
    summary = map_scene(
        *(small_model(), open_scene(path), tmp_path / "map.tif"),
        resume=True,
        keep_going=True,
    )
    assert len(summary.damage) == 1
    assert not part_folder(tmp_path / "map.tif").exists()


class Absent:
    """A reader whose file is gone, for all of the scene or for some of it."""

    block = (1, 1)

    def __init__(self, scene: Scene, *, rows: range) -> None:
        self._reader, self._rows = scene.reader, rows

    def read(self, window: Window, bands: Any) -> Any:
        if set(range(window.row_off, window.row_off + window.height)) & set(self._rows):
            raise OSError("stale file handle")
        return self._reader.read(window, bands)

    def close(self) -> None:
        self._reader.close()


def test_a_file_without_blocks_loses_the_tile(tmp_path: Path, path: Path) -> None:
    scene = open_scene(path)
    absent = replace(scene, reader=Absent(scene, rows=range(2, 3)))
    summary = map_scene(small_model(), absent, tmp_path / "map.tif", keep_going=True)
    lost = mapped(tmp_path / "map.tif")[0] == 0
    assert lost[:50].all()
    assert not lost[50:].any()
    assert [error.window.row_off for error in summary.damage] == [0, 0, 0]


def test_a_file_that_is_gone_is_no_map_without_data(tmp_path: Path, path: Path) -> None:
    scene = open_scene(path)
    gone = replace(scene, reader=Absent(scene, rows=range(HEIGHT)))
    with pytest.raises(InputError, match=r"nothing of .*scene\.tif can be mapped.*stale file"):
        map_scene(small_model(), gone, tmp_path / "map.tif", keep_going=True)
    assert [file.name for file in tmp_path.iterdir()] == ["scene.tif"]


def test_a_scene_says_what_it_could_not_read(path: Path) -> None:
    damage(path, 0, 0)
    with pytest.raises(UnreadableError) as unreadable:
        open_scene(path).read(Window(3, 4, 10, 20))
    assert unreadable.value.window == Window(3, 4, 10, 20)
    assert "rows 5 to 24, columns 4 to 13" in str(unreadable.value)
