"""Opening a scene, whatever its format."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rasterio.io import DatasetReader

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.readers.axes import BANDS_LAST
from spectile.data.readers.envi import open_envi, scene_of_envi_dataset
from spectile.data.readers.envi_files import find_data, find_header
from spectile.data.readers.envi_header import read_header
from spectile.data.readers.gdal import open_dataset, quiet_gdal, scene_of_dataset, why_not
from spectile.data.readers.hdf5 import is_hdf5, open_hdf5, split_gdal_name
from spectile.data.readers.matlab import open_matlab
from spectile.data.readers.named_arrays import scene_of_array
from spectile.data.readers.netcdf3 import is_netcdf3, open_netcdf3
from spectile.data.readers.numpy import open_npy, open_npz
from spectile.data.readers.offline import asking_nobody, check_local
from spectile.data.readers.parts import (
    ARCHIVES,
    check_virtual,
    files_of_pattern,
    images_in,
    images_in_archive,
)
from spectile.data.readers.refusals import no_image
from spectile.data.readers.stack import Part, TurnedReader, pages_of, stack
from spectile.data.scene import Scene, first_line
from spectile.errors import InputError
from spectile.files import check_name

_OF_GDAL = re.compile(r"/vsi|[A-Za-z][A-Za-z0-9+.]+://|[A-Za-z0-9_]{2,}:")
"""How names begin that only GDAL can look behind: /vsizip/..., https://..., NETCDF:"file":name."""

PAGES = "TIFF pages"
_HDF5 = (".h5", ".hdf5", ".he5", ".hdf", ".nc", ".nc4")
_OTHER_HDF5 = (".bag", ".kea", ".tif", ".tiff")
"""Formats made of HDF5 that GDAL knows better."""


def open_scene(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    bands_last: bool | None = None,
    bands: int | None = None,
) -> Scene:
    """Open a multiband image without reading its pixels.

    `path` is a GeoTIFF or anything else that GDAL reads; an ENVI header or the file beside it; an
    HDF5 or netCDF-4 file; a MATLAB file (.mat) or NumPy file (.npy, .npz); an archive of one of
    them. A folder, a pattern (``bands/B*.tif``) or a list of files of one band each is a scene of
    these bands, in the order in which people count the names. Where a file holds several arrays,
    ``scene.mat:name`` picks one, and a plain path takes the only one with three axes. Where files
    don't say which axis of an array holds the bands, `bands_last` does: rows, columns, bands, or,
    when off, bands, rows, columns; or `bands`, how many there should be.

    Raises InputError where there is no such file, or no one image in it that can be read.
    """
    several: list[Path] = []
    if isinstance(path, str | os.PathLike):
        source = os.fspath(path)
    else:
        several = [Path(file) for file in path]
        source = ", ".join(map(str, several)) or "an empty list"
    check_name(source)
    try:
        with asking_nobody(source):
            if isinstance(path, str | os.PathLike):
                return _open(source, bands_last, bands)
            return _open_files(several, source, bands_last, bands)
    except OSError as error:
        raise InputError(
            f"{source} can't be read ({error.strerror or error}): check that you may read it."
        ) from error
    except GDAL_ERRORS as error:
        raise InputError(
            f"{source} can't be read ({first_line(error)}): it is damaged or cut short, so fetch "
            "or export it again."
        ) from error


def _open(source: str, bands_last: bool | None, bands: int | None) -> Scene:
    file, wanted = split_gdal_name(source) or split_name(source)
    if file.is_dir():
        return _open_folder(file, source, bands_last, bands)
    if file.is_file():
        return _open_file(file, wanted, source, bands_last=bands_last, bands=bands)
    if _OF_GDAL.match(source):
        return _open_raster(source, None, source, bands_last)
    if several := files_of_pattern(source):
        return _open_files(several, source, bands_last, bands)
    raise InputError(f"{source} isn't there: check the path.")


def _open_folder(folder: Path, source: str, bands_last: bool | None, bands: int | None) -> Scene:
    images = images_in(folder)
    if images:
        return _open_files(images, source, bands_last, bands)
    dataset = open_dataset(source)  # some formats are folders
    if dataset is None or dataset.count == 0:
        raise InputError(
            f"{source} is a folder in which no image is found by its name: give the file in it "
            "that holds the scene."
        )
    return scene_of_dataset(dataset, source)


def _open_files(
    files: Sequence[Path], source: str, bands_last: bool | None, bands: int | None
) -> Scene:
    """The only one of the files, or the scene whose bands they are."""
    absent = next((file for file in files if not file.is_file()), None)
    if absent is not None or not files:
        raise InputError(f"{absent or source} isn't there: check the path.")
    if len(files) == 1:
        return _open_file(files[0], None, str(files[0]), bands_last=bands_last, bands=bands)
    return _open_stack(
        [Part(file.name, str(file.absolute())) for file in files],
        source,
        tuple(map(str, files)),
        "give one of them, those of one grid by a pattern (a quoted 'folder/B0[234]*.tif'), or "
        "what gdalbuildvrt -separate makes of them",
    )


def _open_stack(parts: Sequence[Part], source: str, files: tuple[str, ...], advice: str) -> Scene:
    with quiet_gdal():
        scene = scene_of_dataset(stack(parts, source, advice), source)
    names = ", ".join(part.name for part in parts[:4]) + (" ..." if len(parts) > 4 else "")
    note = f"its {len(parts)} bands are single images, in this order: {names}"
    return replace(scene, notes=(*scene.notes, note), files=files, format="single bands")


def split_name(source: str) -> tuple[Path, str | None]:
    """The file and the array in ``scene.mat:name``; no array where there is such a file."""
    stem, colon, name = source.rpartition(":")
    named = colon and name and Path(stem).suffix.lower() in (".mat", ".npz", *_HDF5)
    if named and not Path(source).exists():
        return Path(stem), name
    return Path(source), None


def _open_file(
    file: Path, wanted: str | None, source: str, *, bands_last: bool | None, bands: int | None
) -> Scene:
    suffix = file.suffix.lower()
    if suffix in (".mat", ".npz", ".npy"):
        if suffix == ".mat":
            scene = open_matlab(file, source, wanted, bands_last=bands_last, bands=bands)
        elif suffix == ".npz":
            scene = open_npz(file, source, wanted, bands_last=bands_last, bands=bands)
        else:
            scene = open_npy(file, source, bands_last=bands_last, bands=bands)
        return replace(scene, files=(os.fspath(file),))
    if suffix not in _OTHER_HDF5 and is_hdf5(file):
        return open_hdf5(file, source, wanted, bands_last=bands_last, bands=bands)
    if is_netcdf3(file):
        return open_netcdf3(file, source, wanted, bands_last=bands_last, bands=bands)
    if file.name.lower().endswith(ARCHIVES):
        return _open_archive(file, source, bands_last)
    if suffix == ".hdr":
        data = find_data(file)
        return _open_raster(str(data), file, source, bands_last)
    return _open_raster(source, find_header(file), source, bands_last)


def _open_archive(file: Path, source: str, bands_last: bool | None) -> Scene:
    parts = images_in_archive(file)
    if len(parts) == 1:
        return _open_raster(parts[0].opened, None, source, bands_last)
    advice = f"name one, as in {parts[0].opened}, or unpack them"
    return _open_stack(parts, source, (str(file),), advice)


def _open_raster(name: str, header: Path | None, source: str, bands_last: bool | None) -> Scene:
    scene = _raster(name, header, source, bands_last)
    if bands_last is None or scene.format == PAGES:
        return scene
    note = "its format says which are the bands, so --bands-last and --bands-first do nothing"
    return replace(scene, notes=(*scene.notes, note))


def _raster(name: str, header: Path | None, source: str, bands_last: bool | None) -> Scene:
    check_local(source, name)
    virtual = name.lower().endswith(".vrt")
    if virtual:
        check_virtual(Path(name), source)
    dataset = open_dataset(name)
    if dataset is not None:
        with quiet_gdal():
            if dataset.driver == "ENVI":
                return scene_of_envi_dataset(dataset, source)
            if dataset.count and not name.startswith("GTIFF_DIR:"):
                parts = pages_of(dataset)
                if len(parts) > 1:
                    return _scene_of_pages(dataset, parts, source, bands_last)
            return scene_of_dataset(dataset, source)
    fields = None if header is None else read_header(header)
    if fields is not None:
        return open_envi(Path(name), fields, source)
    raise no_image(source, Path(name), why_not(name))


def _scene_of_pages(
    dataset: DatasetReader, parts: Sequence[Part], source: str, bands_last: bool | None
) -> Scene:
    """The pages of a TIFF as bands; as rows, where the user says that the bands come last."""
    files = tuple(dataset.files)
    advice = f"name one, as in {parts[0].opened}"
    scene = scene_of_dataset(stack(parts, source, advice), source)
    if bands_last:
        rows, columns, bands = scene.bands, scene.height, scene.width
        reader = TurnedReader(scene.reader, (2, 0, 1))
        plain = scene_of_array(
            source, PAGES, (rows, columns, bands), scene.dtype, BANDS_LAST, reader
        )
        return replace(plain, files=files, gaps_are_nan=scene.gaps_are_nan, nodata=scene.nodata)
    note = f"its {len(parts)} pages are taken for bands"
    return replace(scene, notes=(*scene.notes, note), files=files, format=PAGES, band_names=())
