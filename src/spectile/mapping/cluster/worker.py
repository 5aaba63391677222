"""What runs on a Dask worker: it opens the scene itself and writes into the map itself."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from distributed import Worker, WorkerPlugin, get_worker
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.identity import changed_file, scene_identity
from spectile.errors import InputError, first_line
from spectile.mapping.area import Area
from spectile.mapping.output.job import in_words, program_versions
from spectile.mapping.window_mapper import Tile

Part = TypeVar("Part", covariant=True)
Result = TypeVar("Result", covariant=True)


class TileMapper(Protocol[Part]):
    """A model made ready for a scene."""

    def parts(self, tiles: Iterable[Tile]) -> Generator[Part]:
        """What it says of tile after tile."""
        ...


class Work(Protocol[Result]):
    """What is to be done with any tile of a scene; can be sent to another process."""

    @property
    def area(self) -> Area:
        """What of which scene is mapped."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """What every process has to see, for it writes there."""
        ...

    def mapper(self) -> TileMapper[Any]:
        """The model made ready for the scene."""
        ...

    def write(self, part: Any) -> Result:
        """Do away with what was said of a tile, and tell of it."""
        ...


Outcome = list[Any] | InputError
"""Results, or what the user has to mend: given, not raised, for Dask can't send an error that GDAL
caused."""


class TileWorker(WorkerPlugin):
    """Holds the work on a worker, which gets it once, and makes it ready for the first tile."""

    def __init__(self, work: Work[Any], threads: int) -> None:
        """`threads` of the CPU compute a tile."""
        # Packed: a scene opens its files when it is unpacked, and a worker that can't find them
        # has to say so as a task.
        self._packed = pickle.dumps(work)
        self._threads = threads
        self._versions = program_versions()
        self._scene = scene_identity(work.area.scene)

    def setup(self, worker: Worker) -> None:
        """Called by Dask on each worker, also on those that join later."""
        self._lock = threading.Lock()
        self._ready: tuple[Work[Any], TileMapper[Any]] | None = None

    def map_tiles(self, tiles: list[Tile]) -> list[Any]:
        """Read, classify and write tiles."""
        work, mapper = self._made_ready()
        return [work.write(part) for part in mapper.parts(tiles)]

    def _made_ready(self) -> tuple[Work[Any], TileMapper[Any]]:
        with self._lock:  # a worker may have several threads
            if self._ready is None:
                self._ready = self._make_ready()
            return self._ready

    def _make_ready(self) -> tuple[Work[Any], TileMapper[Any]]:
        host = socket.gethostname()
        if (ours := program_versions()) != self._versions:
            raise InputError(
                f"the worker on {host} has {in_words(ours)}, the map was begun with "
                f"{in_words(self._versions)}: install the same versions everywhere."
            )
        if name := changed_file(self._scene):
            raise InputError(
                f"the worker on {host} doesn't see {name}, or sees another file there: put it "
                "where all machines have it under the same path."
            )
        try:
            work: Work[Any] = pickle.loads(self._packed)
        except (OSError, ImportError, AttributeError) as error:
            code = not isinstance(error, OSError) or str(error.filename).endswith(".py")
            what = "load the network's code" if code else "open the scene"
            raise InputError(
                f"the worker on {host} can't {what} ({first_line(error)}): give its whole path, "
                "and put it where all machines have it."
            ) from error
        for file in work.files:
            if not file.is_file():
                raise InputError(
                    f"the worker on {host} doesn't see {file.parent}: write the map "
                    "where all machines have it under the same path."
                )
        torch.set_num_threads(self._threads)
        return work, work.mapper()


@dataclass(frozen=True)
class PackedTile:
    """A tile on its way to a worker."""

    window: Window
    wanted: NDArray[np.uint8] | None
    """The bits of the wanted pixels, row by row; None for all."""

    @classmethod
    def of(cls, tile: Tile) -> PackedTile:
        """The same, smaller."""
        return cls(tile.window, None if tile.wanted is None else np.packbits(tile.wanted))

    def unpacked(self) -> Tile:
        """The tile that it was."""
        if self.wanted is None:
            return Tile(self.window)
        bits = np.unpackbits(self.wanted, count=self.window.height * self.window.width)
        pixels = bits.reshape(self.window.height, self.window.width).astype(np.bool_)
        return Tile(self.window, pixels)


def map_tiles(plugin: str, tiles: list[PackedTile]) -> Outcome:
    """The task: map tiles, one after the other, by the TileWorker registered as `plugin`."""
    worker = get_worker().plugins[plugin]
    assert isinstance(worker, TileWorker)
    try:
        return worker.map_tiles([tile.unpacked() for tile in tiles])
    except InputError as error:
        error.__cause__ = error.__context__ = error.__traceback__ = None
        return error
