"""What a network that classifies every pixel says of a scene, in overlapping blended windows."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.scene import Scene, UnreadableError
from spectile.errors import InputError
from spectile.mapping.compute import Compute
from spectile.mapping.pipeline import read_ahead
from spectile.mapping.pixels.blended_windows import BlendedWindows
from spectile.mapping.pixels.live_bytes import peak_bytes
from spectile.mapping.pixels.window_order import KeptWindows, WindowStep, by_fresh_window, steps
from spectile.mapping.tiles import rounded_up, swath
from spectile.mapping.window_mapper import (
    MapPart,
    Tile,
    class_probabilities,
    input_dtype,
    map_part,
    placed,
    reading,
    rounding,
)
from spectile.model.model import Model

LIBRARY_COPIES = 3.0
"""Measured peak of DeepLabv3+ by that of its tensors: oneDNN keeps reordered copies beside them."""
GROUP = 4, 8
"""Edges of the squares of cores that one worker maps: it computes the windows around as well."""
FEW_CORES = 512
"""Up to so many cores the squares are the smaller ones, so that all workers get some."""


@dataclass(frozen=True)
class ReadWindow:
    """A window as the network takes it."""

    components: NDArray[np.float32]
    """(components, h, w)."""
    valid: NDArray[np.bool_]
    """(h, w): pixels that hold data."""
    damage: tuple[UnreadableError, ...]


@dataclass(frozen=True)
class WindowResult:
    """What the network says of a window."""

    probabilities: NDArray[np.floating] | None
    """(classes, h, w); None where no pixel holds data."""
    valid: NDArray[np.bool_]
    """(h, w)."""
    damage: tuple[UnreadableError, ...]
    components: NDArray[np.float32] | None
    """(components, h, w), where they were asked for."""


class PixelMapper:
    """A model of every pixel made ready for one scene; its tiles are the cores of its windows.

    A pixel's probabilities are the sum of those of the up to four windows that count for it, times
    their weights, in the order of the windows: the same to the bit whatever the memory, the
    region and the workers. Windows reach beyond their tiles, so they are kept for the tiles beside
    and below: with room for two rows of them each is computed once. Workers keep nothing for one
    another, and compute the windows around their :meth:`groups` of tiles each for itself.

    Raises InputError if the scene's bands don't match the model's. With `keep_going` unreadable
    pixels hold no data instead of raising UnreadableError.
    """

    method: Literal["blended"] = "blended"

    def __init__(
        self,
        model: Model,
        scene: Scene,
        compute: Compute = Compute(),  # noqa: B008, frozen
        *,
        keep_going: bool = False,
        components: bool = False,
    ) -> None:
        """The memory says how many windows are kept; with `components` the parts carry them."""
        self._scene = model.values_of(scene)
        self._preprocessing = model.for_scene(scene)
        self._classes = len(model.legend)
        self._temperature = model.temperature
        self._network = placed(model.network, compute).eval()
        self._tf32 = compute.precision == "tf32"
        self._device = torch.device(compute.device)
        self._dtype = input_dtype(model.network, compute.precision)
        self._with_components = components
        self._read = reading(keep_going)
        self._edge = model.window
        self._windows = BlendedWindows.over(scene.height, scene.width, self._edge)
        self._least = self._least_bytes()
        self._most_kept = self._room_for_windows(compute.memory)

    def with_pixels(self, scene: Scene) -> PixelMapper:
        """The same for `scene`, which differs in its pixels' values alone."""
        other = copy.copy(self)
        other._scene = scene
        return other

    def tile_edge(self, memory: float) -> int:
        """The edge of a window, whatever the memory; InputError if one doesn't fit."""
        if self._least > memory * 1e9:
            raise InputError(
                f"{memory:g} GB is too little to map windows of {self._edge} pixels with this "
                f"network: allow a memory of at least {rounded_up(self._least / 1e9)} GB."
            )
        return self._edge

    def gigabytes(self, edge: int) -> float:
        """What mapping takes besides the program; `edge` is the only one that there is."""
        return (self._least + self._most_kept * self._bytes_kept) / 1e9

    def tiles(self, edge: int) -> Iterator[Window]:
        """The cores of the windows; `edge` is the only one that there is."""
        return self._windows.cores()

    def in_order(self, windows: Iterable[Window], cache: int) -> list[Window]:
        """Tiles in swaths in which a window is computed once, and few pieces are unpacked twice."""
        columns = across = len(self._windows.columns)
        if self._most_kept < _two_rows(columns):
            # A swath of n tiles takes n + 2 windows a row.
            across = max(1, (self._most_kept - _two_rows(2)) // 2)
        if self._scene.reader.block != (1, 1):
            overlap = self._windows.overlap
            core = self._edge - 2 * overlap
            across = min(across, swath(self._scene, (core, core), overlap, cache))

        def place(window: Window) -> tuple[int, int, int]:
            row, column = self._windows.place(self._windows.core_of(window))
            return column // across, row, column

        return sorted(windows, key=place)

    def groups(self, windows: Iterable[Window], cache: int) -> list[list[Window]]:
        """Squares of tiles, each for one worker."""
        windows = list(windows)
        edge = GROUP[len(windows) > FEW_CORES]

        def square(window: Window) -> tuple[int, int]:
            row, column = self._windows.place(self._windows.core_of(window))
            return row // edge, column // edge

        by_square = itertools.groupby(sorted(windows, key=square), key=square)
        return [self.in_order(members, cache) for _, members in by_square]

    def parts(self, tiles: Iterable[Tile]) -> Generator[MapPart]:
        """Tile after tile; the next window is read while one is computed."""
        kept = KeptWindows[WindowResult](self._windows, self._most_kept)
        planned = by_fresh_window(steps(self._windows, tiles, self._most_kept))
        with closing(read_ahead(self._read_first, planned)) as batches:
            for read, some in batches:
                for step in some:
                    if step.first:
                        total = TileSum(self._windows, step.tile, self._classes, self._temperature)
                    if step.fresh:
                        window = self._compute(read)
                        kept.put(step.number, window, step.tile.window)
                    else:
                        window = kept[step.number]
                    total.add(step.number, window)
                    if step.last:
                        yield total.part()

    def _read_first(self, some: list[WindowStep]) -> tuple[ReadWindow, list[WindowStep]]:
        """The window that the steps begin with."""
        window = self._windows.window(some[0].number)
        components, valid, damage = self._read(self._preprocessing, self._scene, window, 0)
        if damage:
            components[:, ~valid] = 0  # the mean, as for all other pixels without data
        return ReadWindow(components, valid, damage), some

    def _compute(self, read: ReadWindow) -> WindowResult:
        probabilities = None
        if read.valid.any():
            components = torch.from_numpy(read.components[None])
            with rounding(self._tf32):
                probabilities = class_probabilities(
                    self._network, components.to(self._device, self._dtype)
                )
        kept = read.components if self._with_components else None
        return WindowResult(probabilities, read.valid, read.damage, kept)

    @property
    def _pixels(self) -> int:
        """Of the largest window."""
        return math.prod(min(self._edge, side) for side in (self._scene.height, self._scene.width))

    @property
    def _bytes_kept(self) -> int:
        """What a kept window takes: probabilities, components and whether there are data."""
        of_components = 4 * self._preprocessing.reducer.components * self._with_components
        return self._pixels * (self._classes * max(4, self._dtype.itemsize) + 1 + of_components)

    def _least_bytes(self) -> int:
        """What mapping takes without any kept window: one read, one computed, and a tile."""
        components = self._preprocessing.reducer.components
        example = torch.empty(1, components, 1, 1, dtype=self._dtype, device=self._device)
        computing = peak_bytes(self._network, example, self._pixels)
        # The bands of a window, and the same centred; components that wait.
        reading = self._scene.bands * (self._scene.dtype.itemsize + 12) + 8 * components
        # A sum, a written part, its probabilities without data, and what entropy is made of.
        tile = self._classes * (2 * max(4, self._dtype.itemsize) + 12)
        return int(LIBRARY_COPIES * computing) + self._pixels * (reading + tile) + self._bytes_kept

    def _room_for_windows(self, memory: float) -> int:
        """How many windows are kept: no more than are ever of use."""
        room = int(memory * 1e9 - self._least) // self._bytes_kept
        return max(0, min(room, _two_rows(len(self._windows.columns)), len(self._windows)))


class TileSum:
    """The weighted sum of the windows that reach into a tile."""

    def __init__(
        self, windows: BlendedWindows, tile: Tile, classes: int, temperature: float = 1.0
    ) -> None:
        self._windows = windows
        self._tile = tile
        self._own = windows.core_of(tile.window)
        self._size = tile.window.height, tile.window.width
        self._classes = classes
        self._temperature = temperature
        self._probabilities: NDArray[np.floating] | None = None
        self._components: NDArray[np.float32] | None = None
        self._valid = np.zeros(self._size, np.bool_)
        self._damage: dict[Window, UnreadableError] = {}

    def add(self, number: int, window: WindowResult) -> None:
        """Add what a window says of the tile; the windows come in the order of their numbers."""
        both = self._windows.shared(number, self._tile.window)
        self._damage |= {lost.window: lost for lost in window.damage}
        if number == self._own:
            self._valid = window.valid[both.in_window]
            if window.components is not None:
                self._components = window.components[:, *both.in_window]
        found = window.probabilities
        if found is None:
            return
        if self._probabilities is None:
            self._probabilities = np.zeros((self._classes, *self._size), found.dtype)
        weights = both.weights.astype(found.dtype)
        self._probabilities[:, *both.in_tile] += weights * found[:, *both.in_window]

    def part(self) -> MapPart:
        """The finished tile."""
        wanted = self._tile.wanted
        valid = self._valid if wanted is None else self._valid & wanted
        probabilities = self._probabilities
        if probabilities is None:
            probabilities = np.zeros((self._classes, *self._size), np.float32)
        damage = tuple(self._damage.values())
        return map_part(
            self._tile.window, probabilities, valid, damage, self._components, self._temperature
        )


def _two_rows(columns: int) -> int:
    """How many windows are kept from a tile's upper left neighbour to its lower right one."""
    return 2 * columns + 3
