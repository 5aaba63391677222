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
from spectile.mapping.output.geotiff import Grid, Layer, WaitingPixels
from spectile.mapping.output.job import check_same_job
from spectile.mapping.output.map_files import (
    ENTROPY,
    check_map_place,
    map_files,
    raster_file,
    style_file,
)
from spectile.mapping.output.resume import (
    COMPLETE,
    MAKING,
    NAMES,
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
    """By kind: classes, and where wanted probabilities and entropy."""
    values: NDArray[np.unsignedinteger]
    """The pixel value of each class, shape (classes + 1,), 0 for nodata."""

    def write(
        self,
        window: Window,
        classes: NDArray[np.integer],
        probabilities: NDArray[np.float32] | None = None,
        entropy: NDArray[np.float32] | None = None,
    ) -> None:
        """Put the pixels of `window` into the map; windows come in any order and of any size.

        `classes` (h, w) has 0 for nodata and k for the k-th category of the legend,
        `probabilities` is (classes, h, w), `entropy` (h, w). Give what the map is made of.
        """
        given = {"classes": classes, "probabilities": probabilities, "entropy": entropy}
        if {kind for kind, pixels in given.items() if pixels is not None} != set(self.rasters):
            raise ValueError(f"this map is made of {', '.join(self.rasters)}")
        if classes.size and not 0 <= classes.min() <= classes.max() < len(self.values):
            raise ValueError(f"classes run from 0 to {len(self.values) - 1}")
        self.rasters["classes"].write(window, self.values[classes][None])
        for kind, pixels in (("probabilities", probabilities), ("entropy", entropy)):
            if pixels is not None:
                known = np.where(classes == 0, np.float32(np.nan), pixels)
                self.rasters[kind].write(window, known.reshape(-1, *classes.shape))


class MapWriter:
    """Writes a class map and what belongs to it; use it as a context manager.

    `map.tif` is a cloud-optimised GeoTIFF with one band, uint8 or, past class value 255, uint16;
    0 is nodata. It carries the colour table and each class's name as the band tag
    `CLASS_<value>`; `map.tif.aux.xml` has the names where GDAL looks for category names, and
    `map.qml` is its style in QGIS. On request `map_probabilities.tif` has one float32 band a
    class, described by its name, and `map_entropy.tif` the entropy of the probabilities divided
    by the logarithm of the number of classes: 0 is sure, 1 undecided. Nodata is NaN in both. When
    the scene was `acquired` stands in each, in the words of its file.

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
        probabilities: bool = False,
        entropy: bool = False,
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
        values = np.uint8 if max(legend.values) <= 255 else np.uint16
        layers = {"classes": Layer(np.dtype(values).name, 0, ("class",), legend)}
        if probabilities:
            layers["probabilities"] = Layer("float32", np.nan, legend.names)
        if entropy:
            layers["entropy"] = Layer("float32", np.nan, (ENTROPY,))
        folder, grid = (
            part_folder(self.path).absolute(),
            Grid(height, width, crs, transform, acquired),
        )
        self.pixels = MapPixels(
            {
                kind: WaitingPixels(folder / f"{kind}.bil", grid, layer)
                for kind, layer in layers.items()
            },
            np.array([0, *legend.values], values),
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

    def write(
        self,
        window: Window,
        classes: NDArray[np.integer],
        probabilities: NDArray[np.float32] | None = None,
        entropy: NDArray[np.float32] | None = None,
    ) -> None:
        """Put the pixels of `window` into the map: :meth:`MapPixels.write`."""
        with refusals(self.path):
            self.pixels.write(window, classes, probabilities, entropy)

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
        elif (folder / COMPLETE).is_dir():
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
        folder = self._unfinished.folder
        making, complete = folder / MAKING, folder / COMPLETE
        if not complete.is_dir():
            (folder / RESERVE).unlink(missing_ok=True)
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            for kind, raster in self.pixels.rasters.items():
                raster.finish(making / raster_file(self.path, kind).name)
            style = making / style_file(self.path).name
            style.write_text(qml(self._legend), encoding="utf-8")
            names = "\n".join(file.name for file in making.iterdir())
            (folder / NAMES).write_text(names, encoding="utf-8")
            making.rename(complete)
        # Not what is in the folder: a kill may have come after the first files were moved.
        made = (folder / NAMES).read_text(encoding="utf-8").split("\n")
        stale = set(map_files(self.path)) - {self.path.with_name(name) for name in made}
        # The map comes last: whoever sees it finds its companions there.
        for file in sorted(complete.iterdir(), key=lambda file: file.name == self.path.name):
            file.replace(self.path.with_name(file.name))
        for file in stale:
            file.unlink(missing_ok=True)


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
