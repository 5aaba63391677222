"""Arrays in MATLAB files of version 7.3, which are HDF5, read window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.scenes.mapped import band_index
from spectile.scenes.named_arrays import DEFLATE, Shape, check_stored, choose_array

if TYPE_CHECKING:
    import h5py

_CHUNKS_KEPT = 64 << 20
"""Bytes of decompressed chunks that HDF5 keeps: neighbouring windows share them."""


class Matlab73Reader:
    """Reads windows of an HDF5 dataset that MATLAB wrote, whose axes are stored in reverse.

    In another process that it is sent to, it opens the file anew.
    """

    def __init__(self, dataset: h5py.Dataset, axes: Shape) -> None:
        """`axes`: which of the axes, as MATLAB counts them, are bands, rows and columns."""
        self._dataset = dataset
        self._axes = axes
        # Axis k in MATLAB is axis 2 - k in the file.
        self._stored = tuple(2 - axis for axis in axes)

    def __reduce__(self) -> tuple[Callable[..., Matlab73Reader], tuple[str, str, Shape]]:
        path = Path(self._dataset.file.filename).resolve()
        return _reopened, (str(path), self._dataset.name, self._axes)

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of a chunk; without chunks a column, for they lie one by one."""
        _, rows, columns = self._stored
        chunk = self._dataset.chunks
        if chunk is not None:
            return int(chunk[rows]), int(chunk[columns])
        return int(self._dataset.shape[rows]), 1

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` as (bands, height, width)."""
        index = band_index(bands)
        if isinstance(index, slice):
            return self._cut(window, index)
        low, high = min(index), max(index) + 1
        if 2 * len(index) > high - low:
            # HDF5 picks single bands out of a chunk at a snail's pace.
            return self._cut(window, slice(low, high))[[band - low for band in index]]
        return np.concatenate([self._cut(window, slice(band, band + 1)) for band in index])

    def _cut(self, window: Window, bands: slice) -> NDArray[Any]:
        region: list[slice] = [slice(None)] * 3
        for axis, part in zip(self._stored, (bands, *window.toslices()), strict=True):
            region[axis] = part
        pixels = self._dataset[tuple(region)].transpose(self._stored)
        return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))

    def close(self) -> None:
        """Close the file."""
        self._dataset.file.close()


def _reopened(path: str, name: str, axes: Shape) -> Matlab73Reader:
    import h5py

    return Matlab73Reader(h5py.File(path, "r", rdcc_nbytes=_CHUNKS_KEPT)[name], axes)


def is_matlab73(path: Path) -> bool:
    """Whether a .mat file is HDF5, with or without the block that MATLAB puts before it."""
    import h5py

    return bool(h5py.is_hdf5(path))


def open_matlab73(path: Path, source: str, wanted: str | None, dimensions: int) -> h5py.Dataset:
    """The array `wanted`, or else the only real numeric one with `dimensions` axes."""
    import h5py

    file = h5py.File(path, "r", rdcc_nbytes=_CHUNKS_KEPT)
    arrays = {
        name: item
        for name, item in file.items()
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf"
    }
    if wanted is not None and isinstance(file.get(wanted), h5py.Dataset):
        arrays[wanted] = file[wanted]  # a field of a structure, as in cube/data
    shapes = {name: tuple(reversed(item.shape)) for name, item in arrays.items()}
    dataset = arrays[choose_array(source, shapes, wanted, dimensions)]
    most = 1 if dataset.compression is None else DEFLATE
    check_stored(source, dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size(), most)
    return dataset
