"""A model of objects made ready for one scene: it says what each window shows."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from rasterio.windows import Window

from spectile.data.instances.objects import Mask
from spectile.data.scene import Scene, UnreadableError
from spectile.errors import InputError
from spectile.mapping.area import Area
from spectile.mapping.compute import Compute
from spectile.mapping.instances.object_windows import ObjectWindows
from spectile.mapping.instances.pieces import Piece, one_for_each_place, packed, pieces_of
from spectile.mapping.pipeline import read_ahead
from spectile.mapping.pixels.live_bytes import peak_bytes
from spectile.mapping.pixels.pixel_mapper import LIBRARY_COPIES
from spectile.mapping.tiles import rounded_up
from spectile.mapping.window_mapper import Tile, input_dtype, placed, reading, rounding
from spectile.model.model import Model
from spectile.model.trained_task import InstanceTask
from spectile.networks.instances.detections import FindsInstances


@dataclass(frozen=True)
class ReadObjects:
    """A window as the network takes it."""

    tile: Tile
    components: torch.Tensor
    """(1, components, h, w)."""
    valid: Mask
    """(h, w): pixels that are wanted and hold data."""
    damage: tuple[UnreadableError, ...]


@dataclass(frozen=True)
class ShownObjects:
    """What a window shows, as far as no other one shows it better."""

    window: Window
    pieces: list[Piece] = field(repr=False)
    mapped: int
    """Pixels that hold data."""
    damage: tuple[UnreadableError, ...]


class ObjectFinder:
    """Searches the windows of a scene, each by itself and the same whatever the order.

    `surer_than` is the score from which objects count. Raises InputError for a model that finds no
    objects, and if the scene's bands don't match the model's. With `keep_going` unreadable pixels
    hold no data instead of raising UnreadableError.
    """

    def __init__(
        self,
        model: Model,
        scene: Scene,
        compute: Compute = Compute(),  # noqa: B008, frozen
        *,
        surer_than: float = 0.0,
        keep_going: bool = False,
    ) -> None:
        if not isinstance(model.trained_for, InstanceTask):
            raise InputError(f"a model for the task {model.task} finds no objects.")
        self._scene = model.values_of(scene)
        self._preprocessing = model.for_scene(scene)
        self._network = placed(model.network, compute).eval()
        self._tf32 = compute.precision == "tf32"
        self._device = torch.device(compute.device)
        self._dtype = input_dtype(model.network, compute.precision)
        self._surer_than = surer_than
        self._read = reading(keep_going)
        self.windows = ObjectWindows.over(scene.height, scene.width, model.window)
        self._numbers = {self.windows.window(n): n for n in range(len(self.windows))}

    def number(self, window: Window) -> int:
        """Of one of its windows."""
        return self._numbers[window]

    def check_memory(self, memory: float) -> None:
        """Raise InputError if a window can't be searched in `memory` GB, besides the program."""
        needed = self._least_bytes()
        if needed > memory * 1e9:
            raise InputError(
                f"{memory:g} GB is too little to map windows of {self.windows.edge} pixels with "
                f"this network: allow a memory of at least {rounded_up(needed / 1e9)} GB."
            )

    def parts(self, tiles: Iterable[Tile]) -> Generator[ShownObjects]:
        """What window after window shows; the next is read meanwhile."""
        with closing(read_ahead(self._read_window, tiles)) as read:
            for window in read:
                yield self._search(window)

    def _read_window(self, tile: Tile) -> ReadObjects:
        components, valid, damage = self._read(self._preprocessing, self._scene, tile.window, 0)
        if damage:
            components[:, ~valid] = 0  # the mean, as for all other pixels without data
        if tile.wanted is not None:
            valid = valid & tile.wanted
        return ReadObjects(tile, torch.from_numpy(components[None]), valid, damage)

    def _search(self, read: ReadObjects) -> ShownObjects:
        window, pieces = read.tile.window, list[Piece]()
        if read.valid.any():
            network = cast(FindsInstances, self._network)
            with rounding(self._tf32), torch.inference_mode():
                (found,) = network.detect(read.components.to(self._device, self._dtype))
            shown = pieces_of(found, read.valid, window, self._surer_than)
            number = self.number(window)
            pieces = [
                piece
                for piece in one_for_each_place(list(shown))
                if self.windows.is_best_seen(number, piece.box)
            ]
        return ShownObjects(window, pieces, int(np.count_nonzero(read.valid)), read.damage)

    def _least_bytes(self) -> int:
        """What searching takes: one window read, and one searched."""
        pixels = math.prod(min(self.windows.edge, side) for side in self._size)
        components = self._preprocessing.reducer.components
        example = torch.empty(1, components, 1, 1, dtype=self._dtype, device=self._device)
        computing = peak_bytes(cast(FindsInstances, self._network).detect, example, pixels)
        reading = self._scene.bands * (self._scene.dtype.itemsize + 12) + 8 * components
        return int(LIBRARY_COPIES * computing) + pixels * reading

    @property
    def _size(self) -> tuple[int, int]:
        return self._scene.height, self._scene.width


@dataclass(frozen=True)
class SearchedWindow:
    """A window that was searched, on its way to the file."""

    window: Window
    """In pixels of the scene."""
    mapped: int
    """Pixels that hold data."""
    damage: tuple[UnreadableError, ...]
    objects: bytes = field(repr=False)
    """Its pieces, packed."""


@dataclass(frozen=True)
class SearchWork:
    """What it takes to search any window of a scene; can be sent to another process."""

    model: Model
    area: Area
    compute: Compute
    keep_going: bool
    surer_than: float

    @property
    def files(self) -> tuple[Path, ...]:
        """What is found goes back to the process that asked, so workers write nowhere."""
        return ()

    def mapper(self) -> ObjectFinder:
        """The model made ready for the scene."""
        return ObjectFinder(
            *(self.model, self.area.scene, self.compute),
            surer_than=self.surer_than,
            keep_going=self.keep_going,
        )

    def write(self, part: ShownObjects) -> SearchedWindow:
        """What a window shows, ready to be kept."""
        return SearchedWindow(part.window, part.mapped, part.damage, packed(part.pieces))
