"""The map on disk: written window by window, there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window

from spectile.errors import InputError
from spectile.files import not_writable
from spectile.mapping.geotiff import Grid, Layer, WindowedGeoTiff
from spectile.mapping.qgis_style import qml
from spectile.scenes.legend import Legend

ENTROPY = "entropy of the class probabilities, 0 sure to 1 undecided"


class MapWriter:
    """Writes a class map and what belongs to it; use it as a context manager.

    `map.tif` is a cloud-optimised GeoTIFF with one band, uint8 or, past class value 255, uint16;
    0 is nodata. It carries the colour table and each class's name as the band tag
    `CLASS_<value>`; `map.tif.aux.xml` has the names where GDAL looks for category names, and
    `map.qml` is its style in QGIS. On request `map_probabilities.tif` has one float32 band a
    class, described by its name, and `map_entropy.tif` the entropy of the probabilities divided
    by the logarithm of the number of classes: 0 is sure, 1 undecided. Nodata is NaN in both.

    All files appear when the block ends without an exception; until then, and after one, the
    folder is as it was. Overwriting replaces them together: probabilities of an earlier map don't
    stay beside a new map that has none. While it is written the map takes two and a third times
    its uncompressed size on the disk.

    Raises InputError when the map can't be written there, and at any time when the disk is full.
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
        probabilities: bool = False,
        entropy: bool = False,
        overwrite: bool = False,
    ) -> None:
        self._path = Path(path)
        self._legend = legend
        self._grid = Grid(height, width, crs, transform)
        values = np.uint8 if max(legend.values) <= 255 else np.uint16
        self._values = np.array([0, *legend.values], values)
        self._layers = {"classes": Layer(self._values.dtype.name, 0, ("class",), legend)}
        if probabilities:
            self._layers["probabilities"] = Layer("float32", np.nan, legend.names)
        if entropy:
            self._layers["entropy"] = Layer("float32", np.nan, (ENTROPY,))
        with _refusals(self._path):
            _check_place(self._path, overwrite)

    def __enter__(self) -> Self:
        with _refusals(self._path):
            self._aside = tempfile.TemporaryDirectory(
                prefix=f".{self._path.stem}.", dir=self._path.parent
            )
            try:
                folder = Path(self._aside.name)
                self._rasters = {
                    kind: WindowedGeoTiff(
                        folder / _raster(self._path, kind).name, self._grid, layer
                    )
                    for kind, layer in self._layers.items()
                }
                # With overviews, and what GDAL sets aside meanwhile, even pixels that don't
                # compress need less than 4/3 of their size. That much is taken now: after the
                # work is a bad time to learn of a full disk, and GDAL crashes on a quite full one.
                self._reserve = folder / "reserve"
                _fill(self._reserve, sum(r.size for r in self._rasters.values()) * 4 // 3)
            except BaseException:
                self._aside.cleanup()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                with _refusals(self._path):
                    self._finish()
        finally:
            self._aside.cleanup()

    def write(
        self,
        window: Window,
        classes: NDArray[np.integer],
        probabilities: NDArray[np.float32] | None = None,
        entropy: NDArray[np.float32] | None = None,
    ) -> None:
        """Put the pixels of `window` into the map; windows come in any order and of any size.

        `classes` (h, w) has 0 for nodata and k for the k-th category of the legend,
        `probabilities` is (classes, h, w), `entropy` (h, w). Give what the writer was made for.
        """
        given = {"classes": classes, "probabilities": probabilities, "entropy": entropy}
        if {kind for kind, pixels in given.items() if pixels is not None} != set(self._rasters):
            raise ValueError(f"this map is made of {', '.join(self._rasters)}")
        if classes.size and not 0 <= classes.min() <= classes.max() < len(self._values):
            raise ValueError(f"classes run from 0 to {len(self._values) - 1}")
        with _refusals(self._path):
            self._rasters["classes"].write(window, self._values[classes][None])
            for kind, pixels in (("probabilities", probabilities), ("entropy", entropy)):
                if pixels is not None:
                    known = np.where(classes == 0, np.float32(np.nan), pixels)
                    self._rasters[kind].write(window, known.reshape(-1, *classes.shape))

    def _finish(self) -> None:
        self._reserve.unlink()
        for raster in self._rasters.values():
            raster.finish()
        folder = Path(self._aside.name)
        style = folder / self._path.with_suffix(".qml").name
        style.write_text(qml(self._legend), encoding="utf-8")
        # The map comes last: whoever sees it finds its companions there.
        written = sorted(folder.iterdir(), key=lambda file: file.name == self._path.name)
        stale = set(_companions(self._path))
        for file in written:
            target = self._path.with_name(file.name)
            stale.discard(target)
            file.replace(target)
        for file in stale:
            file.unlink(missing_ok=True)


def _raster(path: Path, kind: str) -> Path:
    """The file for a kind of layer: map.tif, map_probabilities.tif, map_entropy.tif."""
    return path if kind == "classes" else path.with_name(f"{path.stem}_{kind}{path.suffix}")


def _companions(path: Path) -> Iterator[Path]:
    """Every file that belongs to a map at `path`, whether there or not, the map first."""
    for kind in ("classes", "probabilities", "entropy"):
        raster = _raster(path, kind)
        yield raster
        # What QGIS and GDAL leave beside a raster: statistics and overviews of its pixels.
        yield raster.with_name(f"{raster.name}.aux.xml")
        yield raster.with_name(f"{raster.name}.ovr")
    yield path.with_suffix(".qml")


def _check_place(path: Path, overwrite: bool) -> None:
    """Raise InputError, or the system's OSError, unless the map can be written at `path`."""
    if path.suffix.lower() not in {".tif", ".tiff"}:
        raise InputError(f"{path} is no name for a GeoTIFF: choose one that ends in .tif.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent}, the folder for {path.name}, is no folder: "
            "make it first or choose another place."
        )
    for file in _companions(path):
        if file.is_dir():
            raise InputError(f"{file} is a folder: choose another name for the map.")
        if file.exists() and not overwrite:
            raise InputError(f"{file} exists: choose another name or allow to --overwrite it.")
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}.", dir=path.parent):
        pass


def _fill(path: Path, size: int) -> None:
    """Take up `size` bytes and a little on the disk."""
    chunk = bytes(2**20)
    with path.open("xb") as file:
        for _ in range(size // len(chunk) + 1):
            file.write(chunk)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Turn what the system and GDAL say of a file that can't be written into an InputError."""
    try:
        yield
    except (CPLE_BaseError, RasterioError) as error:
        raise not_writable(path, OSError(str(error))) from error
    except OSError as error:
        raise not_writable(path, error) from error
