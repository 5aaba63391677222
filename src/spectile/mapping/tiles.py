"""The tiles that a scene is mapped in: as large as a memory bound allows, the same every time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.scene import Scene
from spectile.errors import InputError

EDGES = (256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Largest edges of a tile in pixels: few, so that another memory bound mostly means no other tiles.

Beyond the first the halo costs so little that a larger tile no longer pays.
"""
SMOOTHED_EDGES = (2 * EDGES[0], *EDGES)
"""The same where maps are smoothed, and all around a tile is classified twice."""
BYTES_A_FEATURE_PIXEL = 6144
"""Measured peak of a HybridSN trunk on 30 components: two neighbouring layers and their copies."""


def tile_edge(
    scene: Scene,
    window: int,
    memory: float,
    bytes_a_pixel: int = BYTES_A_FEATURE_PIXEL,
    beside: Callable[[int], int] = lambda edge: 0,
    around: int = 0,
) -> int:
    """The largest of EDGES whose tiles can be mapped in `memory` GB.

    `bytes_a_pixel` is what computing and writing need a pixel of a tile with its halo, and
    `beside` of its edge what else they need. `around` pixels on each side of a tile are classified
    with it. Raises InputError if not even one pixel fits.
    """
    for edge in EDGES:
        if tile_gigabytes(scene, window, edge, bytes_a_pixel, beside, around) <= memory:
            return edge
    needed = tile_gigabytes(scene, window, EDGES[-1], bytes_a_pixel, beside, around)
    raise InputError(
        f"{memory:g} GB is too little to map with a window of {window} pixels: "
        f"allow a memory of at least {rounded_up(needed)} GB."
    )


def tile_gigabytes(
    scene: Scene,
    window: int,
    edge: int,
    bytes_a_pixel: int,
    beside: Callable[[int], int] = lambda edge: 0,
    around: int = 0,
) -> float:
    """What mapping takes, besides the program, with tiles of at most `edge` pixels a side.

    And with `around` more on each side, as far as there are.
    """
    height, width = (
        min(length, max(step for _, step in even_steps(length, edge)) + 2 * around) + window - 1
        for length in (scene.height, scene.width)
    )
    # While one tile is computed the next is read: its bands, and the same centred in float32.
    reading = scene.bands * (scene.dtype.itemsize + 12)
    return (height * width * (reading + bytes_a_pixel) + beside(edge + 2 * around)) / 1e9


def rounded_up(gigabytes: float) -> str:
    """A memory bound of at least so much, with one digit after the point."""
    return f"{math.ceil(gigabytes * 10) / 10:g}"


def tiles(height: int, width: int, edge: int) -> Iterator[Window]:
    """Rectangles of at most `edge` pixels a side that cover a scene, top to bottom."""
    # Even parts: a remainder of a few columns would be mostly halo.
    for top, rows in even_steps(height, edge):
        for left, columns in even_steps(width, edge):
            yield Window(left, top, columns, rows)


def intersection(tile: Window, region: Window) -> Window | None:
    """The part of `tile` inside `region`; None if there is none."""
    top, left = max(tile.row_off, region.row_off), max(tile.col_off, region.col_off)
    bottom = min(tile.row_off + tile.height, region.row_off + region.height)
    right = min(tile.col_off + tile.width, region.col_off + region.width)
    return Window(left, top, right - left, bottom - top) if top < bottom and left < right else None


def around(window: Window, wanted: NDArray[np.bool_]) -> Window | None:
    """The smallest part of `window` with all of its `wanted` (h, w) pixels; None without any."""
    rows, columns = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
    if not len(rows):
        return None
    return Window(
        window.col_off + int(columns[0]),
        window.row_off + int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    )


def reading_order(tiles: Iterable[Window], scene: Scene, halo: int, cache: int) -> list[Window]:
    """The tiles in swaths from top to bottom, narrow enough that no piece is unpacked twice.

    `cache` is that of :func:`swath`.
    """
    tiles = list(tiles)
    if scene.reader.block == (1, 1) or not tiles:
        return tiles
    tallest, widest = (max(getattr(t, side) for t in tiles) for side in ("height", "width"))
    columns = swath(scene, (tallest, widest), halo, cache) * widest
    return sorted(tiles, key=lambda tile: (tile.col_off // columns, tile.row_off, tile.col_off))


def swath(scene: Scene, tile: tuple[int, int], halo: int, cache: int) -> int:
    """How many tiles of height and width `tile` may lie side by side to be read row by row.

    A compressed file is unpacked piece by piece, whole pieces at a time. `cache` bytes of them
    are kept: below a row of tiles the next one finds the pieces that both touch, unless the row
    was so long that they have gone.
    """
    height, width = scene.reader.block
    rows = -(-(tile[0] + 2 * halo) // height) + 1
    column_of_pieces = rows * height * width * scene.bands * scene.dtype.itemsize
    return int(max(1, (cache // column_of_pieces * width - 2 * halo) // tile[1]))


def even_steps(length: int, largest: int) -> Iterator[tuple[int, int]]:
    """Where even parts of at most `largest` begin, and how long they are."""
    parts = -(-length // largest)
    edges = [length * part // parts for part in range(parts + 1)]
    for start, stop in itertools.pairwise(edges):
        yield start, stop - start
