"""Opening a scene, whatever its format."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.readers.formats.raster import open_raster
from spectile.data.readers.gdal import open_dataset, scene_of_dataset
from spectile.data.readers.offline import asking_nobody
from spectile.data.readers.registry import Request, open_file, part_suffixes
from spectile.data.readers.scene_parts import files_of_pattern, image_paths_in
from spectile.data.readers.stack import BandFile, open_stack
from spectile.data.scene import Scene, first_line
from spectile.errors import InputError
from spectile.files import check_name

_OF_GDAL = re.compile(r"/vsi|[A-Za-z][A-Za-z0-9+.]+://|[A-Za-z0-9_]{2,}:")
"""How names begin that only GDAL can look behind: /vsizip/..., https://..., NETCDF:"file":name."""
_PART = re.compile(r'(?:HDF5|NETCDF):"?(?P<file>[^"]+?)"?:/*(?P<name>[^:]+)', re.IGNORECASE)
"""GDAL's name of a part, as in HDF5:"file.h5"://group/array."""


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
    file, part = split_name(source)
    if file.is_dir():
        return _open_folder(file, source, bands_last, bands)
    if file.is_file():
        return open_file(Request(file, source, part, bands_last, bands))
    if _OF_GDAL.match(source):
        return open_raster(source, None, source, bands_last)
    if several := files_of_pattern(source):
        return _open_files(several, source, bands_last, bands)
    raise InputError(f"{source} isn't there: check the path.")


def _open_folder(folder: Path, source: str, bands_last: bool | None, bands: int | None) -> Scene:
    images = image_paths_in(folder)
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
        return open_file(Request(files[0], str(files[0]), None, bands_last, bands))
    return open_stack(
        [BandFile(file.name, str(file.absolute())) for file in files],
        source,
        tuple(map(str, files)),
        "give one of them, those of one grid by a pattern (a quoted 'folder/B0[234]*.tif'), or "
        "what gdalbuildvrt -separate makes of them",
    )


def split_name(source: str) -> tuple[Path, str | None]:
    """The file and the array in ``scene.mat:name``; no array where there is such a file."""
    of_gdal = _PART.fullmatch(source)
    if of_gdal is not None and Path(of_gdal["file"]).is_file():
        return Path(of_gdal["file"]), of_gdal["name"]
    stem, colon, name = source.rpartition(":")
    named = colon and name and Path(stem).suffix.lower() in part_suffixes()
    if named and not Path(source).exists():
        return Path(stem), name
    return Path(source), None
