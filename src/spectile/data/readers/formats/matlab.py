"""MATLAB files of every version: the scene in them, or another array by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.readers.axes import BANDS_LAST, Axes, Shape, Words, find_axes
from spectile.data.readers.header_fields import lists_along_bands
from spectile.data.readers.in_memory import ArrayReader
from spectile.data.readers.mapped import MappedReader
from spectile.data.readers.matlab4 import is_matlab4, matlab4_arrays, read_matlab4
from spectile.data.readers.matlab5 import Matlab5Array, is_matlab5, matlab5_arrays, read_matlab5
from spectile.data.readers.matlab73 import Hdf5Reader, is_matlab73, matlab73_arrays
from spectile.data.readers.named_arrays import (
    DEFLATE,
    check_stored,
    choose_array,
    damage_reported,
    scene_of_array,
)
from spectile.data.readers.registry import ArrayFormat, Request, Turn
from spectile.data.scene import Reader, Scene
from spectile.errors import InputError


@dataclass(frozen=True)
class _Held:
    """A numeric array in a file, whatever its version."""

    shape: Shape
    """As MATLAB shows it."""
    dtype: np.dtype[Any]
    load: Callable[[], NDArray[Any]]
    """The whole array."""
    reader: Callable[[Axes], Reader]
    """Of windows, with its axes of bands, rows and columns."""
    check: Callable[[str], None]
    """Raises InputError, naming the source, where the file is too short for it."""
    logical: bool


@dataclass(frozen=True)
class _Content:
    """What is in a file."""

    version: str
    arrays: Mapping[str, _Held]
    others: Mapping[str, str]

    def chosen(self, source: str, wanted: str | None, dimensions: int) -> _Held:
        """The array `wanted`, else the one that fits: not inside of a structure, not logical."""
        shapes = {name: held.shape for name, held in self.arrays.items()}
        if wanted is not None and wanted not in shapes:
            wanted = wanted.replace(".", "/").strip("/")
        rank = {
            name: int("/" in name or "{" in name) + 2 * int(held.logical)
            for name, held in self.arrays.items()
        }
        name = choose_array(source, shapes, wanted, dimensions, rank=rank, others=self.others)
        held = self.arrays[name]
        held.check(source)
        return held


class Matlab(ArrayFormat):
    """A .mat file of any version, whose arrays have the axes that MATLAB shows.

    That is rows, columns, bands, unless a list of wavelengths in the file or the request says
    otherwise. Pixels are read window by window, but for a compressed array of version 5: that is
    of 2 GB at most, can only be unpacked as a whole, and is so here.
    """

    name = "MATLAB"
    suffixes = (".mat",)
    parts = suffixes
    turn = Turn.NAME
    images = False

    def can_open(self, request: Request) -> bool:
        return request.suffix in self.suffixes

    def open(self, request: Request) -> Scene:
        return replace(_open(request), files=(os.fspath(request.path),))

    def load(self, request: Request, axes: int) -> NDArray[Any]:
        with damage_reported(request.source):
            return _content(request.path).chosen(request.source, request.part, axes).load()


MATLAB = Matlab()


def _open(request: Request) -> Scene:
    source = request.source
    with damage_reported(source):
        content = _content(request.path)
        held = content.chosen(source, request.part, 3)
        lists = lists_along_bands(
            {name: max(h.shape) for name, h in content.arrays.items() if _is_list(h.shape)},
            lambda name: content.arrays[name].load().ravel(),
        )
        lengths = {len(values) for values in lists.get("wavelength", [])}
        words = Words((), lengths, request.bands_last, request.bands)
        axes, note = find_axes(source, held.shape, words, usual=BANDS_LAST)
        count = held.shape[axes[0]]
        fields = {
            field: [str(value) for value in values]
            for field, several in lists.items()
            for values in several
            if len(values) == count
        }
        return scene_of_array(
            source,
            content.version,
            held.shape,
            held.dtype,
            axes,
            held.reader(axes),
            fields=fields,
            notes=(note,) if note else (),
        )


def _content(path: Path) -> _Content:
    if is_matlab73(path):
        datasets, others = matlab73_arrays(path)
        return _Content("MATLAB v7.3", {name: _held73(d) for name, d in datasets.items()}, others)
    if is_matlab5(path):
        arrays, others = matlab5_arrays(path)
        return _Content(
            "MATLAB v5", {name: _held5(path, array) for name, array in arrays.items()}, others
        )
    if is_matlab4(path):
        matrices, others = matlab4_arrays(path)
        held = {
            name: _Held(
                matrix.shape,
                matrix.dtype,
                partial(_read4, path, matrix),
                _no_reader,
                lambda source: None,
                False,
            )
            for name, matrix in matrices.items()
        }
        return _Content("MATLAB v4", held, others)
    raise InputError(
        f"{path} doesn't begin as MATLAB files do, of version 4, 5 or 7.3: it is another file by "
        "this name, or was damaged, so export it again."
    )


def _held73(dataset: Any) -> _Held:
    shape = tuple(reversed(dataset.shape))
    size = dataset.size * dataset.dtype.itemsize

    def check(source: str) -> None:
        most = 1 if dataset.compression is None else DEFLATE
        check_stored(source, size, dataset.id.get_storage_size(), most)

    def reader(axes: Axes) -> Reader:
        bands, rows, columns = (2 - axis for axis in axes)  # MATLAB's axes are stored in reverse
        return Hdf5Reader(dataset, (bands, rows, columns))

    logical = dataset.attrs.get("MATLAB_class") == b"logical"
    return _Held(shape, dataset.dtype, lambda: _native(dataset[()].T), reader, check, logical)


def _held5(path: Path, array: Matlab5Array) -> _Held:
    def load() -> NDArray[Any]:
        return _native(read_matlab5(path, array))

    def reader(axes: Axes) -> Reader:
        if array.compressed_bytes:
            return ArrayReader(load().transpose(axes))
        first, second, third = array.shape
        return MappedReader(
            path, array.dtype, (first, second, third), axes, offset=array.start, order="F"
        )

    def check(source: str) -> None:
        if array.compressed_bytes:
            check_stored(source, array.size, array.compressed_bytes, DEFLATE)

    return _Held(array.shape, array.dtype, load, reader, check, array.logical)


def _read4(path: Path, matrix: Any) -> NDArray[Any]:
    return _native(read_matlab4(path, matrix))


def _no_reader(axes: Axes) -> Reader:
    raise AssertionError("matrices of version 4 have two axes")


def _is_list(shape: Shape) -> bool:
    return len(shape) <= 2 and min(shape, default=0) == 1 < max(shape, default=0)


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, dtype=array.dtype.newbyteorder("="))
