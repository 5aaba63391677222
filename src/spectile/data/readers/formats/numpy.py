"""NumPy files: .npy, mapped into memory, and .npz, read when opened."""

from __future__ import annotations

import os
import warnings
import zipfile
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from spectile.data.readers.axes import BANDS_LAST, Shape, Words, find_axes
from spectile.data.readers.header_fields import lists_along_bands
from spectile.data.readers.in_memory import ArrayReader
from spectile.data.readers.mapped import MappedReader
from spectile.data.readers.named_arrays import (
    check_stored,
    choose_array,
    damage_reported,
    scene_of_array,
)
from spectile.data.readers.registry import ArrayFormat, Request, Turn
from spectile.data.scene import Scene


class Npy(ArrayFormat):
    """One array: rows, columns, bands, unless the request says otherwise."""

    name = "NumPy"
    suffixes = (".npy",)
    turn = Turn.NAME
    images = False  # decoded as pictures are

    def can_open(self, request: Request) -> bool:
        return request.suffix in self.suffixes

    def open(self, request: Request) -> Scene:
        return replace(_open_npy(request), files=(os.fspath(request.path),))

    def load(self, request: Request, axes: int) -> NDArray[Any]:
        with damage_reported(request.source):
            array: NDArray[Any] = np.load(request.path, mmap_mode="r", allow_pickle=False)
        choose_array(request.source, {request.path.name: array.shape}, request.part, axes)
        return array


class Npz(ArrayFormat):
    """Several arrays, and a list of wavelengths beside them perhaps."""

    name = "NumPy (npz)"
    suffixes = (".npz",)
    parts = suffixes
    turn = Turn.NAME
    images = False

    def can_open(self, request: Request) -> bool:
        return request.suffix in self.suffixes

    def open(self, request: Request) -> Scene:
        return replace(_open_npz(request), files=(os.fspath(request.path),))

    def load(self, request: Request, axes: int) -> NDArray[Any]:
        return _load(request, axes)


NPY, NPZ = Npy(), Npz()


def _open_npy(request: Request) -> Scene:
    path, source = request.path, request.source
    with damage_reported(source), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a header that Python 2 wrote
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        shape, dtype, offset = stored.shape, stored.dtype, int(stored.offset)
        order: Literal["C", "F"] = "C" if stored.flags.c_contiguous else "F"
        del stored
    choose_array(source, {path.name: shape}, None)
    first, second, third = shape
    axes, note = find_axes(
        source, shape, Words((), (), request.bands_last, request.bands), usual=BANDS_LAST
    )
    reader = MappedReader(path, dtype, (first, second, third), axes, offset=offset, order=order)
    return scene_of_array(
        source, "NumPy", shape, dtype, axes, reader, notes=(note,) if note else ()
    )


def _open_npz(request: Request) -> Scene:
    """A list of wavelengths beside the array is that of its bands, and tells their axis."""
    path, source = request.path, request.source
    array = _load(request, 3)
    with damage_reported(source), np.load(path, allow_pickle=False) as arrays:
        with zipfile.ZipFile(path) as archive:
            shapes = _shapes(archive, source)
        lists = lists_along_bands(
            {name: shape[0] for name, shape in shapes.items() if len(shape) == 1},
            lambda name: np.asarray(arrays[name]),
        )
    lengths = {len(values) for values in lists.get("wavelength", [])}
    words = Words((), lengths, request.bands_last, request.bands)
    axes, note = find_axes(source, array.shape, words, usual=BANDS_LAST)
    fields = {
        field: [str(value) for value in values]
        for field, several in lists.items()
        for values in several
        if len(values) == array.shape[axes[0]]
    }
    return scene_of_array(
        source,
        "NumPy (npz)",
        array.shape,
        array.dtype,
        axes,
        ArrayReader(array.transpose(axes)),
        fields=fields,
        notes=(note,) if note else (),
    )


def _load(request: Request, axes: int) -> NDArray[Any]:
    path, source = request.path, request.source
    with damage_reported(source), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(path) as archive:
            name = choose_array(source, _shapes(archive, source), request.part, axes)
        with np.load(path, allow_pickle=False) as arrays:
            array: NDArray[Any] = arrays[name]
    return array


def _shapes(archive: zipfile.ZipFile, source: str) -> dict[str, Shape]:
    """Shapes of the numeric arrays in a .npz file, out of their headers."""
    shapes = {}
    for member in archive.infolist():
        with archive.open(member) as file:
            version = npy.read_magic(file)
            if version == (1, 0):
                shape, _, dtype = npy.read_array_header_1_0(file)
            elif version == (2, 0):
                shape, _, dtype = npy.read_array_header_2_0(file)
            else:
                continue  # names of record fields in Unicode: no image
        if dtype.kind in "iufc":
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize
            check_stored(source, size, member.file_size)
            shapes[member.filename.removesuffix(".npy")] = shape
    return shapes
