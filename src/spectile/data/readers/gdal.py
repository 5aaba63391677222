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
from rasterio.enums import MaskFlags
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from spectile.data.readers.gdal_marks import (
    acquired,
    alpha_band,
    band_names,
    has_mask,
    marks_of_dataset,
)
from spectile.data.readers.offline import asking_nobody, reading_options
from spectile.data.readers.physical import in_values
from spectile.data.scene import Scene, first_line
from spectile.data.wavelengths import spectrum_of_dataset
from spectile.errors import InputError

CACHE = 256 * 2**20
"""Bytes of unpacked blocks that GDAL keeps."""
# Left alone it takes 5% of the machine's memory, which on a large machine is more than the whole of
# a run may take. It looks at this once, when it reads its first block.
os.environ.setdefault("GDAL_CACHEMAX", str(CACHE // 2**20))


class GdalReader:
    """Reads windows of a GDAL dataset, from one thread at a time.

    In another process that it is sent to, it opens the dataset anew.
    """

    def __init__(self, dataset: DatasetReader, bands: Sequence[int] | None = None) -> None:
        """`bands` are those of the scene among the dataset's, from 0; None for all."""
        self._dataset = dataset
        self._options = reading_options(dataset.name)
        self._bands = tuple(range(dataset.count) if bands is None else bands)
        # GDAL's datasets fall apart under two threads at once; a prefetching reader is a second.
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Callable[..., GdalReader], tuple[str, tuple[int, ...]]]:
        source = self._dataset.name
        if not source.startswith("<") and Path(source).is_file():  # "<": a virtual raster's text
            source = str(Path(source).resolve())
        return _reopened, (source, self._bands)

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of a tile or strip."""
        height, width = self._dataset.block_shapes[0]
        return int(height), int(width)

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` as (bands, height, width)."""
        numbers = [self._bands[band] + 1 for band in bands]
        with self._lock, rasterio.Env(**self._options):  # GDAL's messages become exceptions
            pixels: NDArray[Any] = self._dataset.read(numbers, window=window)
        return pixels

    def shown(self, window: Window, bands: Sequence[int]) -> NDArray[np.bool_]:
        """Which pixels GDAL's mask of each band shows, as (bands, height, width)."""
        numbers = [self._bands[band] + 1 for band in bands]
        count = len(numbers)
        with self._lock, rasterio.Env(**self._options):
            flags = self._dataset.mask_flag_enums
            if all(MaskFlags.per_dataset in flags[number - 1] for number in numbers):
                numbers = numbers[:1]  # one mask for all
            masks = self._dataset.read_masks(numbers, window=window)
        seen: NDArray[np.bool_] = np.broadcast_to(masks != 0, (count, *masks.shape[1:]))
        return seen

    def close(self) -> None:
        """Close the dataset."""
        with self._lock:
            self._dataset.close()


def _reopened(name: str, bands: Sequence[int]) -> GdalReader:
    with quiet_gdal(), asking_nobody(name):
        return GdalReader(rasterio.open(name), bands)


def open_dataset(name: str, driver: str | None = None) -> DatasetReader | None:
    """The dataset that GDAL makes of `name`; None where it refuses it."""
    try:
        with quiet_gdal(), asking_nobody(name):
            return rasterio.open(name, driver=driver)
    except (RasterioError, UnicodeDecodeError):
        return None


def why_not(name: str) -> str:
    """What GDAL says of a file that it refuses, in one line without its name."""
    try:
        with quiet_gdal():
            rasterio.open(name).close()
    except (RasterioError, UnicodeDecodeError) as error:
        text = first_line(error)
        return text.removeprefix(f"{name}: ").removeprefix(f"'{name}' ").rstrip(".")
    return ""


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
    """A scene that reads `dataset`; raises InputError where it can't be one image.

    What its masks hide is no data, and neither is what its alpha band does, which is no band of
    the scene.
    """
    alpha, note = alpha_band(dataset)
    bands = [band for band in range(dataset.count) if band != alpha]
    _check_bands(dataset, bands, source)
    _check_whole(dataset, source)
    spectrum = spectrum_of_dataset(dataset, bands)
    marks = marks_of_dataset(dataset, bands)
    crs, transform, placing = georeference(dataset)
    reader = GdalReader(dataset, bands)
    scene = Scene(
        source=source,
        format=str(dataset.driver),
        height=dataset.height,
        width=dataset.width,
        bands=len(bands),
        dtype=np.dtype(dataset.dtypes[bands[0]]),
        wavelengths=spectrum.wavelengths,
        fwhm=spectrum.fwhm,
        good_bands=spectrum.good_bands,
        nodata=None,
        crs=crs,
        transform=transform,
        reader=reader,
        notes=(*spectrum.notes, *marks.notes, *note, *placing),
        files=tuple(dataset.files),
        band_names=band_names(dataset, bands),
        acquired=acquired(dataset),
    )
    shown = reader.shown if alpha is not None or has_mask(dataset, bands) else None
    return in_values(scene, scaling=marks.scaling, nodata=marks.nodata, shown=shown)


def georeference(
    dataset: DatasetReader,
) -> tuple[CRS | None, Affine | None, tuple[str, ...]]:
    """CRS and transform, None for what only counts rows and columns, and a note on the rest."""
    try:
        crs = dataset.crs
    except CRSError:
        crs = None
    if crs is not None and not (crs.is_projected or crs.is_geographic):
        crs = None  # ENVI's "Arbitrary" comes as a local CRS that nothing else can be related to
    transform = dataset.transform
    if crs is None and transform in (Affine.identity(), Affine.scale(1, -1)):
        return None, None, _other_places(dataset)
    return crs, transform, ()


def _other_places(dataset: DatasetReader) -> tuple[str, ...]:
    """What places an image without a transform, which a map of it doesn't take over."""
    points, _ = dataset.gcps
    warp = "a map of it isn't, so warp it first, as by gdalwarp"
    if points:
        return (f"it is placed by {len(points)} ground control points: {warp} -tps",)
    if dataset.rpcs is not None:
        return (f"it is placed by rational polynomials (RPC): {warp} -rpc",)
    if dataset.tags(ns="GEOLOCATION"):
        return (f"it is placed by arrays of coordinates: {warp} -geoloc",)
    return ()


def _check_bands(dataset: DatasetReader, bands: Sequence[int], source: str) -> None:
    if not bands:
        inside = [str(name) for name in dataset.subdatasets]
        if inside:
            raise InputError(
                f"{source} holds {len(inside)} images: give the name of one instead, "
                f"for instance {inside[0]}"
            )
        raise InputError(f"{source} holds no image: give a file with at least one band.")
    types = {dataset.dtypes[band] for band in bands}
    if len(types) > 1:
        kinds = ", ".join(sorted(types))
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
