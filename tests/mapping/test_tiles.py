"""The tiles of a scene: all of it, once, within the memory, in an order that unpacks little."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from spectile.data.readers.in_memory import ArrayReader, scene_from_array
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.tiles import (
    EDGES,
    around,
    intersection,
    reading_order,
    tile_edge,
    tile_gigabytes,
    tiles,
)

sizes = st.integers(1, 200)


def scene_of(height: int, width: int, bands: int = 3) -> Scene:
    return scene_from_array(np.broadcast_to(np.int16(0), (bands, height, width)))


def touched(window: Window, height: int, width: int) -> np.ndarray:
    grid = np.zeros((height, width), int)
    grid[window.toslices()] = 1
    return grid


@given(height=sizes, width=sizes, edge=st.sampled_from(EDGES[:5]))
def test_tiles_cover_every_pixel_once_and_are_alike(height: int, width: int, edge: int) -> None:
    parts = list(tiles(height, width, edge))
    times = np.zeros((height, width), int)
    for part in parts:
        times[part.toslices()] += 1
    assert (times == 1).all()
    for side in ("height", "width"):
        lengths = {getattr(part, side) for part in parts}
        assert max(lengths) <= edge
        assert max(lengths) - min(lengths) <= 1


@given(height=sizes, width=sizes, window=st.integers(1, 25), memory=st.floats(1e-3, 3))
def test_tiles_fit_the_memory_and_larger_ones_would_not(
    height: int, width: int, window: int, memory: float
) -> None:
    scene = scene_of(height, width, bands=50)
    if memory < tile_gigabytes(scene, window, 1, 6000):
        with pytest.raises(InputError, match="allow a memory of at least") as refused:
            tile_edge(scene, window, memory, 6000)
        enough = float(str(refused.value).split()[-2])
        assert tile_edge(scene, window, enough, 6000) in EDGES
        return
    edge = tile_edge(scene, window, memory, 6000)
    assert tile_gigabytes(scene, window, edge, 6000) <= memory
    if edge < EDGES[0]:
        assert tile_gigabytes(scene, window, 2 * edge, 6000) > memory
    largest = max(part.height for part in tiles(height, width, edge)) + window - 1
    widest = max(part.width for part in tiles(height, width, edge)) + window - 1
    assert largest * widest * 6000 <= memory * 1e9


def test_more_memory_mostly_gives_the_same_tiles() -> None:
    scene = scene_of(3000, 3000)
    assert {tile_edge(scene, 25, memory, 6000) for memory in (0.6, 1, 4, 64)} == {256}


windows = st.builds(Window, st.integers(0, 40), st.integers(0, 40), *[st.integers(1, 30)] * 2)


@given(tile=windows, region=windows)
def test_a_cut_tile_is_what_both_share(tile: Window, region: Window) -> None:
    shared = touched(tile, 80, 80) * touched(region, 80, 80)
    part = intersection(tile, region)
    np.testing.assert_array_equal(0 if part is None else touched(part, 80, 80), shared)


@given(window=windows, seed=st.integers(0, 9))
def test_what_is_wanted_lies_inside_its_box(window: Window, seed: int) -> None:
    wanted = np.random.default_rng(seed).random((window.height, window.width)) < 0.02
    box = around(window, wanted)
    if not wanted.any():
        assert box is None
        return
    rows, columns = np.nonzero(wanted)
    assert box.row_off == window.row_off + rows.min()
    assert box.row_off + box.height == window.row_off + rows.max() + 1
    assert box.col_off == window.col_off + columns.min()
    assert box.col_off + box.width == window.col_off + columns.max() + 1


class Blocked(ArrayReader):
    block = (64, 64)


def unpacked(order: list[Window], halo: int, scene: Scene, cache: int) -> float:
    """How many times a block is unpacked, on average, when the last used ones are kept."""
    room = cache // (64 * 64 * scene.bands * scene.dtype.itemsize)
    kept: OrderedDict[tuple[int, int], None] = OrderedDict()
    count = 0
    for window in order:
        top, left = max(0, window.row_off - halo), max(0, window.col_off - halo)
        bottom = min(scene.height, window.row_off + window.height + halo)
        right = min(scene.width, window.col_off + window.width + halo)
        for row in range(top // 64, -(-bottom // 64)):
            for column in range(left // 64, -(-right // 64)):
                if (row, column) not in kept:
                    count += 1
                kept[row, column] = None
                kept.move_to_end((row, column))
                if len(kept) > room:
                    kept.popitem(last=False)
    return count / (-(-scene.height // 64) * -(-scene.width // 64))


@pytest.mark.parametrize(("blocks_kept", "most"), [(4000, 1.0), (100, 1.15), (60, 1.2), (24, 1.6)])
def test_blocks_are_unpacked_about_once(blocks_kept: int, most: float) -> None:
    scene = replace(scene_of(2000, 3000, bands=5), reader=Blocked(np.zeros((1, 1, 1))))
    cache = blocks_kept * 64 * 64 * 5 * 2
    plain = list(tiles(2000, 3000, 64))
    order = reading_order(plain, scene, 8, cache)
    assert sorted(order) == sorted(plain)
    assert unpacked(order, 8, scene, cache) <= most


def test_tiles_of_a_file_without_blocks_stay_in_their_order() -> None:
    plain = list(tiles(700, 900, 64))
    assert reading_order(plain, scene_of(700, 900), 8, 1) == plain
