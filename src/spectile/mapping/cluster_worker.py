"""What runs on a Dask worker: it opens the scene itself and writes into the map itself."""

from __future__ import annotations

import pickle
import socket
import threading

import numpy as np
import torch
from distributed import Worker, WorkerPlugin, get_worker
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.errors import InputError
from spectile.mapping.job import in_words, program_versions
from spectile.mapping.parts import SceneClassifier, Tile
from spectile.mapping.tile_work import TileWork, WrittenTile
from spectile.scenes.identity import changed_file, scene_identity

Outcome = WrittenTile | InputError
"""What the user has to mend is given, not raised: Dask can't send an error that GDAL caused."""


class TileWorker(WorkerPlugin):
    """Holds the work on a worker, which gets it once, and makes it ready for the first tile."""

    def __init__(self, work: TileWork, threads: int) -> None:
        """`threads` of the CPU compute a tile."""
        # Packed: a scene opens its files when it is unpacked, and a worker that can't find them
        # has to say so as a task.
        self._packed = pickle.dumps(work)
        self._threads = threads
        self._versions = program_versions()
        self._scene = scene_identity(work.scene)

    def setup(self, worker: Worker) -> None:
        """Called by Dask on each worker, also on those that join later."""
        self._lock = threading.Lock()
        self._ready: tuple[TileWork, SceneClassifier] | None = None

    def map_tile(self, tile: Tile) -> WrittenTile:
        """Read, classify and write a tile."""
        work, classifier = self._made_ready()
        return work.write(classifier.classify(classifier.read(tile)))

    def _made_ready(self) -> tuple[TileWork, SceneClassifier]:
        with self._lock:  # a worker may have several threads
            if self._ready is None:
                self._ready = self._make_ready()
            return self._ready

    def _make_ready(self) -> tuple[TileWork, SceneClassifier]:
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
            work: TileWork = pickle.loads(self._packed)
        except OSError as error:
            raise InputError(
                f"the worker on {host} can't open the scene ({error}): give its whole path, and "
                "put it where all machines have it."
            ) from error
        for raster in work.pixels.rasters.values():
            if not raster.path.is_file():
                raise InputError(
                    f"the worker on {host} doesn't see {raster.path.parent}: write the map "
                    "where all machines have it under the same path."
                )
        torch.set_num_threads(self._threads)
        return work, work.classifier()


def map_tile(plugin: str, window: Window, wanted: NDArray[np.uint8] | None) -> Outcome:
    """The task: map a window by the TileWorker that is registered as `plugin`.

    `wanted` are the bits of its wanted pixels, row by row; None for all.
    """
    worker = get_worker().plugins[plugin]
    assert isinstance(worker, TileWorker)
    pixels = None
    if wanted is not None:
        bits = np.unpackbits(wanted, count=window.height * window.width)
        pixels = bits.reshape(window.height, window.width).astype(np.bool_)
    try:
        return worker.map_tile(Tile(window, pixels))
    except InputError as error:
        error.__cause__ = error.__context__ = error.__traceback__ = None
        return error
