"""Opening a scene, whatever its format."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from spectile.errors import InputError
from spectile.scenes.envi import open_envi, scene_of_envi_dataset
from spectile.scenes.envi_files import find_data, find_header
from spectile.scenes.envi_header import read_header
from spectile.scenes.gdal_raster import open_dataset, quiet_gdal, scene_of_dataset
from spectile.scenes.matlab import open_matlab
from spectile.scenes.numpy_arrays import open_npy, open_npz
from spectile.scenes.scene import Scene

_OF_GDAL = re.compile(r"/vsi|[A-Za-z][A-Za-z0-9+.]+://|[A-Za-z0-9_]{2,}:")
"""How names begin that only GDAL can look behind: /vsizip/..., https://..., NETCDF:"file":name."""


def open_scene(path: str | os.PathLike[str], *, bands_last: bool = True) -> Scene:
    """Open a multiband image without reading its pixels.

    `path` is a GeoTIFF or anything else that GDAL reads; an ENVI header or the file beside it;
    a MATLAB file (.mat, version 5 or 7.3) or NumPy file (.npy, .npz), where ``scene.mat:name``
    picks one array and a plain path takes the only one with three axes. `bands_last` is for
    these arrays: rows, columns, bands, or, when off, bands, rows, columns.

    Raises InputError where there is no such file, or no one image in it that can be read.
    """
    source = os.fspath(path)
    file, wanted = split_name(source)
    if file.is_dir():
        raise InputError(f"{source} is a folder: give the file in it that holds the scene.")
    if not file.is_file():
        if _OF_GDAL.match(source):
            return _open_raster(source, None, source)
        raise InputError(f"{source} isn't there: check the path.")
    try:
        return _open_file(file, wanted, source, bands_last=bands_last)
    except OSError as error:
        raise InputError(
            f"{source} can't be read ({error.strerror or error}): check that you may read it."
        ) from error


def split_name(source: str) -> tuple[Path, str | None]:
    """The file and the array in ``scene.mat:name``; no array where there is such a file."""
    stem, colon, name = source.rpartition(":")
    named = colon and name and Path(stem).suffix.lower() in (".mat", ".npz")
    if named and not Path(source).exists():
        return Path(stem), name
    return Path(source), None


def _open_file(file: Path, wanted: str | None, source: str, *, bands_last: bool) -> Scene:
    suffix = file.suffix.lower()
    if suffix in (".mat", ".npz", ".npy"):
        if suffix == ".mat":
            scene = open_matlab(file, source, wanted, bands_last=bands_last)
        elif suffix == ".npz":
            scene = open_npz(file, source, wanted, bands_last=bands_last)
        else:
            scene = open_npy(file, source, bands_last=bands_last)
        return replace(scene, files=(os.fspath(file),))
    if suffix == ".hdr":
        data = find_data(file)
        return _open_raster(str(data), file, source)
    return _open_raster(source, find_header(file), source)


def _open_raster(name: str, header: Path | None, source: str) -> Scene:
    dataset = open_dataset(name)
    if dataset is not None:
        with quiet_gdal():
            if dataset.driver == "ENVI":
                return scene_of_envi_dataset(dataset, source)
            return scene_of_dataset(dataset, source)
    fields = None if header is None else read_header(header)
    if fields is not None:
        return open_envi(Path(name), fields, source)
    raise InputError(
        f"{source} can't be read as an image: it is damaged or in no format that GDAL knows, "
        "so give a GeoTIFF, an ENVI file with its .hdr beside it, or a .mat, .npy or .npz file."
    )
