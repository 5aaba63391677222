"""GeoTIFF and every other raster that GDAL reads."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from spectile.errors import InputError
from spectile.scenes.offline import asking_nobody, reading_options
from spectile.scenes.scene import Scene
from spectile.scenes.wavelengths import spectrum_of_dataset

CACHE = 256 * 2**20
"""Bytes of unpacked blocks that GDAL keeps."""
# Left alone it takes 5% of the machine's memory, which on a large machine is more than the whole of
# a run may take. It looks at this once, when it reads its first block.
os.environ.setdefault("GDAL_CACHEMAX", str(CACHE // 2**20))


class GdalReader:
    """Reads windows of a GDAL dataset, from one thread at a time.

    In another process that it is sent to, it opens the dataset anew.
    """

    def __init__(self, dataset: DatasetReader) -> None:
        self._dataset = dataset
        self._options = reading_options(dataset.name)
        # GDAL's datasets fall apart under two threads at once; a prefetching reader is a second.
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Callable[[str], GdalReader], tuple[str]]:
        name = Path(self._dataset.name)
        return _reopened, (str(name.resolve()) if name.is_file() else self._dataset.name,)

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of a tile or strip."""
        height, width = self._dataset.block_shapes[0]
        return int(height), int(width)

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` as (bands, height, width)."""
        numbers = [band + 1 for band in bands]
        with self._lock, rasterio.Env(**self._options):  # GDAL's messages become exceptions
            pixels: NDArray[Any] = self._dataset.read(numbers, window=window)
        return pixels

    def close(self) -> None:
        """Close the dataset."""
        with self._lock:
            self._dataset.close()


def _reopened(name: str) -> GdalReader:
    with quiet_gdal(), asking_nobody(name):
        return GdalReader(rasterio.open(name))


def open_dataset(name: str, driver: str | None = None) -> DatasetReader | None:
    """The dataset that GDAL makes of `name`; None where it refuses it."""
    try:
        with quiet_gdal(), asking_nobody(name):
            return rasterio.open(name, driver=driver)
    except (RasterioError, UnicodeDecodeError):
        return None


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """Keep off the terminal what GDAL and rasterio have to say beside raising."""
    hooks = sys.excepthook, sys.unraisablehook
    with rasterio.Env(), warnings.catch_warnings():
        # An image without georeference is a scene like any other.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # rasterio's log falls over messages that quote a damaged file's bytes, and says so here.
        sys.excepthook = lambda *_: None
        sys.unraisablehook = lambda _: None
        try:
            yield
        finally:
            sys.excepthook, sys.unraisablehook = hooks


def scene_of_dataset(dataset: DatasetReader, source: str) -> Scene:
    """A scene that reads `dataset`; raises InputError where it can't be one image."""
    _check_bands(dataset, source)
    _check_whole(dataset, source)
    spectrum = spectrum_of_dataset(dataset)
    crs, transform = georeference(dataset)
    return Scene(
        source=source,
        format=str(dataset.driver),
        height=dataset.height,
        width=dataset.width,
        bands=dataset.count,
        dtype=np.dtype(dataset.dtypes[0]),
        wavelengths=spectrum.wavelengths,
        fwhm=spectrum.fwhm,
        good_bands=spectrum.good_bands,
        nodata=nodata_of_dataset(dataset, source),
        crs=crs,
        transform=transform,
        reader=GdalReader(dataset),
        notes=spectrum.notes,
        files=tuple(dataset.files),
    )


def georeference(dataset: DatasetReader) -> tuple[CRS | None, Affine | None]:
    """CRS and transform; None for what only counts rows and columns."""
    try:
        crs = dataset.crs
    except CRSError:
        crs = None
    if crs is not None and not (crs.is_projected or crs.is_geographic):
        crs = None  # ENVI's "Arbitrary" comes as a local CRS that nothing else can be related to
    transform = dataset.transform
    if crs is None and transform in (Affine.identity(), Affine.scale(1, -1)):
        return None, None
    return crs, transform


def nodata_of_dataset(dataset: DatasetReader, source: str) -> float | None:
    """The one value that stands for no data in every band that names one."""
    values = {float(value) for value in dataset.nodatavals if value is not None}
    values = {value for value in values if not np.isnan(value)} or ({np.nan} if values else set())
    if len(values) > 1:
        raise InputError(
            f"{source} has a nodata value of its own for each band "
            f"({', '.join(f'{value:g}' for value in sorted(values)[:4])} ...): "
            "write it again with one for all, for instance by gdalwarp -dstnodata."
        )
    return values.pop() if values else None


def _check_bands(dataset: DatasetReader, source: str) -> None:
    if dataset.count == 0:
        inside = [str(name) for name in dataset.subdatasets]
        if inside:
            raise InputError(
                f"{source} holds {len(inside)} images: give the name of one instead, "
                f"for instance {inside[0]}"
            )
        raise InputError(f"{source} holds no image: give a file with at least one band.")
    if len(set(dataset.dtypes)) > 1:
        kinds = ", ".join(sorted(set(dataset.dtypes)))
        raise InputError(
            f"{source} has bands of several number types ({kinds}): "
            "write it again with one, for instance by gdal_translate -ot Float32."
        )


def _check_whole(dataset: DatasetReader, source: str) -> None:
    """Refuse a TIFF whose last block ends beyond the file, before hours of work run into it."""
    path = Path(dataset.name)
    if dataset.driver != "GTiff" or not path.is_file():
        return
    size = path.stat().st_size
    height, width = dataset.block_shapes[0]
    column, row = (dataset.width - 1) // width, (dataset.height - 1) // height
    for band in (1, dataset.count):
        offset, length = (
            int(dataset.get_tag_item(f"{item}_{column}_{row}", "TIFF", bidx=band) or 0)
            for item in ("BLOCK_OFFSET", "BLOCK_SIZE")
        )
        if offset + length > size:
            raise InputError(
                f"{source} is cut short ({size:,} bytes, and its last block ends at "
                f"{offset + length:,}): fetch or export it again."
            )
