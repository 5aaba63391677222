"""MATLAB files of every version: the scene in them, or another array by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.scenes.in_memory import ArrayReader
from spectile.scenes.mapped import MappedReader
from spectile.scenes.matlab5 import Matlab5Array, is_matlab5, matlab5_arrays, read_matlab5
from spectile.scenes.matlab73 import Matlab73Reader, is_matlab73, open_matlab73
from spectile.scenes.named_arrays import (
    BANDS_FIRST,
    BANDS_LAST,
    DEFLATE,
    check_stored,
    choose_array,
    damage_reported,
    scene_of_array,
)
from spectile.scenes.scene import Scene


def open_matlab(path: Path, source: str, wanted: str | None, *, bands_last: bool) -> Scene:
    """The scene in a .mat file: the array `wanted`, else the only numeric one with three axes.

    Versions 5 and 7.3 both give rows, columns, bands, as MATLAB shows the array (bands, rows,
    columns where `bands_last` is off). Pixels are read window by window, but for a compressed
    array of version 5: that is of 2 GB at most, can only be unpacked as a whole, and is so here.
    """
    axes = BANDS_LAST if bands_last else BANDS_FIRST
    if is_matlab73(path):
        with damage_reported(source):
            dataset = open_matlab73(path, source, wanted, dimensions=3)
            shape = tuple(reversed(dataset.shape))
            lazy = Matlab73Reader(dataset, axes)
            return scene_of_array(source, "MATLAB v7.3", shape, dataset.dtype, axes, lazy)
    with damage_reported(source):
        array = _choose_matlab5(path, source, wanted, dimensions=3)
        if array.compressed_bytes:
            pixels = _native(read_matlab5(path, array)).transpose(axes)
            reader: ArrayReader | MappedReader = ArrayReader(pixels)
        else:
            first, second, third = array.shape
            reader = MappedReader(
                path, array.dtype, (first, second, third), axes, offset=array.start, order="F"
            )
        return scene_of_array(source, "MATLAB v5", array.shape, array.dtype, axes, reader)


def load_matlab(path: Path, source: str, wanted: str | None, *, dimensions: int) -> NDArray[Any]:
    """The array `wanted` of a .mat file, or else the only numeric one with `dimensions` axes."""
    with damage_reported(source):
        if is_matlab73(path):
            dataset = open_matlab73(path, source, wanted, dimensions)
            array: NDArray[Any] = dataset[()].T
            dataset.file.close()
            return _native(array)
        return _native(read_matlab5(path, _choose_matlab5(path, source, wanted, dimensions)))


def _choose_matlab5(path: Path, source: str, wanted: str | None, dimensions: int) -> Matlab5Array:
    if not is_matlab5(path):
        raise ValueError("it doesn't begin as MATLAB files of version 5 or 7.3 do")
    arrays = matlab5_arrays(path)
    shapes = {name: array.shape for name, array in arrays.items()}
    array = arrays[choose_array(source, shapes, wanted, dimensions)]
    if array.compressed_bytes:
        check_stored(source, array.size, array.compressed_bytes, DEFLATE)
    return array


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, dtype=array.dtype.newbyteorder("="))
