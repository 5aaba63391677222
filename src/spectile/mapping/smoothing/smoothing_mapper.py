"""A window network's map, smoothed before classes are chosen: tiles with what decides on them."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain, islice

import numpy as np
import torch
from rasterio.windows import Window

from spectile.data.preprocessing.guide import CHANNELS, reach_of
from spectile.data.scene import Scene, UnreadableError
from spectile.errors import InputError
from spectile.mapping.compute import Compute, Method
from spectile.mapping.smoothing.guided_filter import filter_bytes, guided_filter
from spectile.mapping.tiles import (
    EDGES,
    SMOOTHED_EDGES,
    even_steps,
    reading_order,
    rounded_up,
    tiles,
)
from spectile.mapping.window_mapper import MapPart, Tile, WindowMapper, map_part
from spectile.model.model import Model


class SmoothingMapper:
    """A model with smoothing made ready for one scene; raises as :class:`WindowMapper` does.

    A pixel's smoothed probabilities depend on those of pixels as far away as the filter reaches, so
    the network says something of each tile with so many pixels around it, in pieces that are as
    large as its own tiles. Pixels that hold no data, or that `keep_going` leaves out, have no part
    in any mean; pixels that aren't wanted do.
    """

    def __init__(
        self,
        model: Model,
        scene: Scene,
        compute: Compute = Compute(),  # noqa: B008, frozen
        *,
        keep_going: bool = False,
        components: bool = False,
    ) -> None:
        """With `components` the parts carry them."""
        assert model.smoothing is not None
        # What is smoothed is what the network says; the temperature comes last.
        plain = replace(model, temperature=1.0)
        self._network = WindowMapper(plain, scene, compute, keep_going=keep_going, components=True)
        self._temperature = model.temperature
        self.method: Method = self._network.method
        self._scene = scene
        self._smoothing = model.smoothing
        self._reach = reach_of(model.smoothing.radius)
        self._classes = len(model.legend)
        self._components = model.preprocessing.reducer.components
        self._device = torch.device(compute.device)
        self._with_components = components

    def with_pixels(self, scene: Scene) -> SmoothingMapper:
        """The same for `scene`, which differs in its pixels' values alone; its guide is its own."""
        other = copy.copy(self)
        other._network, other._scene = self._network.with_pixels(scene), scene
        return other

    def tile_edge(self, memory: float) -> int:
        """The largest edge of a tile that `memory` in GB allows; InputError if there is none."""
        for edge in SMOOTHED_EDGES:
            if self.gigabytes(edge) <= memory:
                return edge
        raise InputError(
            f"{memory:g} GB is too little to map with a window of {self._network.window} pixels "
            f"and smoothing of radius {self._smoothing.radius}: allow a memory of at least "
            f"{rounded_up(self.gigabytes(SMOOTHED_EDGES[-1]))} GB."
        )

    def gigabytes(self, edge: int) -> float:
        """What tiles of at most `edge` pixels a side take."""
        height, width = (
            min(length, edge + 2 * self._reach)
            for length in (self._scene.height, self._scene.width)
        )
        # Probabilities, smoothed, and what the writer makes of those before; guide; components.
        bytes_a_pixel = 8 * self._classes + 24 * (self._classes + 1) + 8 * CHANNELS
        bytes_a_pixel += 8 * self._components * self._with_components
        own = height * width * bytes_a_pixel
        own += filter_bytes(self._classes, height, width, self._smoothing.radius, self._device)
        return self._network.gigabytes(min(edge, EDGES[0]), around=self._reach) + own / 1e9

    def tiles(self, edge: int) -> Iterator[Window]:
        """The tiles of the scene, of at most `edge` pixels a side."""
        return tiles(self._scene.height, self._scene.width, edge)

    def in_order(self, windows: Iterable[Window], cache: int) -> list[Window]:
        """Tiles, or what is wanted of them, in the order to map them in."""
        halo = self._network.window // 2 + self._reach
        return reading_order(windows, self._scene, halo, cache)

    def groups(self, windows: Iterable[Window], cache: int) -> list[list[Window]]:
        """Tiles that are best mapped by the same worker; here each for itself."""
        return [[window] for window in self.in_order(windows, cache)]

    def parts(self, tiles: Iterable[Tile]) -> Generator[MapPart]:
        """Classify and smooth tile after tile; what comes next is read meanwhile."""
        begun: deque[tuple[Tile, Window, int]] = deque()

        def pieces() -> Iterator[Tile]:
            for tile in tiles:
                seen = self._seen_from(tile.window)
                cut = pieces_of(seen, tile.window)
                begun.append((tile, seen, len(cut)))
                yield from map(Tile, cut)

        with closing(self._network.parts(pieces())) as parts:
            for first in parts:
                tile, seen, count = begun.popleft()
                yield self._smoothed(tile, seen, chain([first], islice(parts, count - 1)))

    def _seen_from(self, window: Window) -> Window:
        """All of the scene that the filter takes into account for the pixels of `window`."""
        top, left = max(0, window.row_off - self._reach), max(0, window.col_off - self._reach)
        bottom = min(self._scene.height, window.row_off + window.height + self._reach)
        right = min(self._scene.width, window.col_off + window.width + self._reach)
        return Window(left, top, right - left, bottom - top)

    def _smoothed(self, tile: Tile, seen: Window, parts: Iterable[MapPart]) -> MapPart:
        """The part for a tile, out of the parts that the window `seen` around it was cut into."""
        size = seen.height, seen.width
        probabilities = np.empty((self._classes, *size), np.float32)
        guide = np.empty((self._smoothing.guide.channels, *size))
        known = np.empty(size, np.bool_)
        components = np.empty((self._components * self._with_components, *size), np.float32)
        damage: dict[Window, UnreadableError] = {}
        for part in parts:
            assert part.components is not None
            place = (..., *_inside(part.window, seen))
            probabilities[place] = part.probabilities
            guide[place] = self._smoothing.guide.of(part.components)
            known[place] = part.classes > 0
            if self._with_components:
                components[place] = part.components
            damage |= {lost.window: lost for lost in part.damage}
        found = guided_filter(
            *(torch.from_numpy(array).to(self._device) for array in (probabilities, guide, known)),
            radius=self._smoothing.radius,
            epsilon=self._smoothing.epsilon,
        )
        inner = (..., *_inside(tile.window, seen))
        valid = known[inner] if tile.wanted is None else known[inner] & tile.wanted
        return map_part(
            tile.window,
            found[inner].cpu().numpy(),
            valid,
            tuple(damage.values()),
            components[inner] if self._with_components else None,
            self._temperature,
        )


def _inside(window: Window, around: Window) -> tuple[slice, slice]:
    """The rows and columns of a window, counted from the corner of one around it."""
    top, left = window.row_off - around.row_off, window.col_off - around.col_off
    return slice(top, top + window.height), slice(left, left + window.width)


def pieces_of(seen: Window, tile: Window) -> list[Window]:
    """A tile with what is around it in even pieces, as many as the tile alone would be cut into."""
    down, across = (-(-length // EDGES[0]) for length in (tile.height, tile.width))
    edges = -(-seen.height // down), -(-seen.width // across)
    return [
        Window(seen.col_off + left, seen.row_off + top, columns, rows)
        for top, rows in even_steps(seen.height, edges[0])
        for left, columns in even_steps(seen.width, edges[1])
    ]
