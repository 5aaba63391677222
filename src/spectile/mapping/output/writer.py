"""The map on disk: written window by window, there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.labels.legend import Legend
from spectile.errors import InputError
from spectile.files import not_writable
from spectile.mapping.layers.classes import LAYER as CLASSES
from spectile.mapping.layers.layer import Layer
from spectile.mapping.output.geotiff import Grid, WaitingPixels
from spectile.mapping.output.job import check_same_job
from spectile.mapping.output.map_files import (
    check_map_place,
    map_files,
    raster_file,
    style_file,
)
from spectile.mapping.output.unfinished import (
    COMPLETE,
    MAKING,
    RESERVE,
    Job,
    UnfinishedMap,
    part_folder,
)
from spectile.mapping.styles.qgis_style import qml


@dataclass(frozen=True)
class MapPixels:
    """The pixels of a map that isn't finished; may be sent to other processes, to write there."""

    rasters: Mapping[str, WaitingPixels]
    """By the name of the layer, the classes first."""

    def write(self, window: Window, layers: Mapping[str, NDArray[np.generic]]) -> None:
        """Put the pixels of `window` into the map; windows come in any order and of any size.

        `layers` are the values (bands, h, w), or (h, w) of one band, of all that the map is made
        of, by name: of the classes their values in the legend, nodata where nothing is known.
        """
        if layers.keys() != self.rasters.keys():
            raise ValueError(f"this map is made of {', '.join(self.rasters)}")
        for name, values in layers.items():
            self.rasters[name].write(window, values if values.ndim == 3 else values[None])


class MapWriter:
    """Writes a class map and what belongs to it; use it as a context manager.

    `map.tif` is a cloud-optimised GeoTIFF with one band, uint8 or, past class value 255, uint16;
    0 is nodata. It carries the colour table and each class's name as the band tag
    `CLASS_<value>`; `map.tif.aux.xml` has the names where GDAL looks for category names, and
    `map.qml` is its style in QGIS. Each further layer is a raster beside it, `map_entropy.tif` for
    one; what it holds is said in :mod:`spectile.mapping.layers`. When the scene was `acquired`
    stands in each, in the words of its file.

    All files appear when the block ends without an exception; until then, and after one, the
    folder looks as it was. Overwriting replaces them together: probabilities of an earlier map
    don't stay beside a new map that has none. It replaces nothing but an earlier map, and none of
    the `inputs`, files that the map is made from. While it is written the map takes two and a third
    times its uncompressed size on the disk, in the hidden folder of an UnfinishedMap.

    With a `job`, tiles that are marked as finished outlive a kill or an exception, and `resume`
    goes on with them: `finished` has their windows. An unfinished map that is not resumed is
    thrown away.

    Raises InputError when the map can't be written there, when another process is writing it,
    when `resume` finds another job, and at any time when the disk is full.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        height: int,
        width: int,
        legend: Legend,
        crs: CRS | None,
        transform: Affine | None,
        acquired: str | None = None,
        layers: Iterable[Layer] = (CLASSES,),
        overwrite: bool = False,
        inputs: Iterable[str] = (),
        job: Job | None = None,
        resume: bool = False,
    ) -> None:
        self.path = Path(path)
        self._legend = legend
        self._job = job
        self._resume = resume
        self._overwrite = overwrite
        self._inputs = tuple(inputs)
        self.finished: set[Window] = set()
        self._layers = tuple(layers)
        folder = part_folder(self.path).absolute()
        grid = Grid(height, width, crs, transform, acquired)
        self.pixels = MapPixels(
            {
                layer.name: WaitingPixels(folder / f"{layer.name}.bil", grid, layer.form(legend))
                for layer in self._layers
            }
        )
        self._check_place()

    def _check_place(self) -> None:
        # All was agreed on when a map was complete, of which a kill kept some files from moving.
        complete = (part_folder(self.path) / COMPLETE).is_dir()
        complete &= self._resume or not self.path.exists()
        with refusals(self.path):
            check_map_place(self.path, overwrite=self._overwrite or complete, inputs=self._inputs)

    def __enter__(self) -> Self:
        with refusals(self.path):
            self._unfinished = UnfinishedMap(self.path)
            try:
                self._check_place()  # another process may just have finished
                begun = self._unfinished.read_job() if self._resume else None
                if begun is not None and self._job is not None:
                    check_same_job(self._job, begun, self.path)
                    self.finished = set(self._unfinished.finished())
            except BaseException:
                self._unfinished.release()
                raise
            try:
                self._make_room(anew=begun is None)
            except BaseException as error:
                self._leave(error)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._leave(error)
            return
        try:
            with refusals(self.path):
                self._finish()
        except BaseException as fault:
            self._leave(fault)
            raise
        self._unfinished.remove()

    def write(self, window: Window, layers: Mapping[str, NDArray[np.generic]]) -> None:
        """Put the pixels of `window` into the map: :meth:`MapPixels.write`."""
        with refusals(self.path):
            self.pixels.write(window, layers)

    def mark_finished(self, window: Window) -> None:
        """Note that the pixels of `window` are written, and need not be made again."""
        with refusals(self.path):
            self._unfinished.add(window)
        self.finished.add(window)

    def _make_room(self, *, anew: bool) -> None:
        folder, rasters = self._unfinished.folder, self.pixels.rasters.values()
        if anew:
            self._unfinished.clear()
            for raster in rasters:
                raster.create()
        elif self._unfinished.is_complete:
            return
        # With overviews, and what GDAL sets aside meanwhile, even pixels that don't compress need
        # less than 4/3 of their size. That much is taken now: after the work is a bad time to
        # learn of a full disk, and GDAL crashes on a quite full one.
        _fill(folder / RESERVE, sum(raster.size for raster in rasters) * 4 // 3)
        if anew and self._job is not None:
            self._unfinished.write_job(self._job)

    def _leave(self, error: BaseException) -> None:
        """Let go of a map that isn't finished; what is finished of it stays for `resume`."""
        if not self.finished:
            self._unfinished.remove()
            return
        (self._unfinished.folder / RESERVE).unlink(missing_ok=True)
        shutil.rmtree(self._unfinished.folder / MAKING, ignore_errors=True)
        self._unfinished.release()
        if isinstance(error, InputError):
            sentence = str(error).rstrip(".")
            raise InputError(f"{sentence}; what is mapped is kept for --resume.") from error

    def _finish(self) -> None:
        self._unfinished.finish(self._make, map_files(self.path))

    def _make(self, folder: Path) -> None:
        for layer in self._layers:
            self.pixels.rasters[layer.name].finish(folder / raster_file(self.path, layer).name)
        style = folder / style_file(self.path).name
        style.write_text(qml(self._legend), encoding="utf-8")


def _fill(path: Path, size: int) -> None:
    """Take up `size` bytes and a little on the disk."""
    chunk = bytes(2**20)
    with path.open("wb") as file:
        for _ in range(size // len(chunk) + 1):
            file.write(chunk)


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the system and GDAL say of a file that can't be written into an InputError."""
    try:
        yield
    except GDAL_ERRORS as error:
        raise not_writable(path, OSError(str(error))) from error
    except OSError as error:
        raise not_writable(path, error) from error
