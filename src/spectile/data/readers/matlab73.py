"""Arrays in MATLAB files of version 7.3, which are HDF5, read window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.readers.mapped import band_index

if TYPE_CHECKING:
    import h5py

CHUNKS_KEPT = 64 << 20
"""Bytes of decompressed chunks that HDF5 keeps: neighbouring windows share them."""

_DEEPEST, _MOST_MEMBERS = 16, 100_000


class Hdf5Reader:
    """Reads windows of an HDF5 dataset, whatever the order of its axes.

    In another process that it is sent to, it opens the file anew.
    """

    def __init__(self, dataset: h5py.Dataset, axes: tuple[int | None, int, int]) -> None:
        """`axes`: which of the file's axes are bands (None: there is one), rows and columns.

        Any other axis has one place.
        """
        self._dataset = dataset
        self._axes = axes

    def __reduce__(
        self,
    ) -> tuple[Callable[..., Hdf5Reader], tuple[str, str, tuple[int | None, int, int]]]:
        path = Path(self._dataset.file.filename).resolve()
        return _reopened, (str(path), self._dataset.name, self._axes)

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of a chunk; without chunks of what lies side by side in the file."""
        _, rows, columns = self._axes
        chunk = self._dataset.chunks
        if chunk is not None:
            return int(chunk[rows]), int(chunk[columns])
        shape = self._dataset.shape
        return (1, int(shape[columns])) if columns > rows else (int(shape[rows]), 1)

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
        region: list[slice | int] = [0] * self._dataset.ndim
        for axis, part in zip(self._axes, (bands, *window.toslices()), strict=True):
            if axis is not None:
                region[axis] = part
        kept = [axis for axis, part in enumerate(region) if isinstance(part, slice)]
        pixels = self._dataset[tuple(region)]
        pixels = pixels.transpose([kept.index(axis) for axis in self._axes if axis is not None])
        pixels = pixels if pixels.ndim == 3 else pixels[None]
        return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))

    def close(self) -> None:
        """Close the file."""
        self._dataset.file.close()


def _reopened(path: str, name: str, axes: tuple[int | None, int, int]) -> Hdf5Reader:
    import h5py

    return Hdf5Reader(h5py.File(path, "r", rdcc_nbytes=CHUNKS_KEPT)[name], axes)


def is_matlab73(path: Path) -> bool:
    """Whether a .mat file is HDF5, with or without the block that MATLAB puts before it."""
    import h5py

    return bool(h5py.is_hdf5(path))


def matlab73_arrays(path: Path) -> tuple[dict[str, h5py.Dataset], dict[str, str]]:
    """The real numeric arrays in a file by name, and what else is in it, in a word each.

    What lies in a structure or a cell is named as in s/field and c{1}. The file stays open.
    """
    import h5py

    file = h5py.File(path, "r", rdcc_nbytes=CHUNKS_KEPT)
    arrays: dict[str, h5py.Dataset] = {}
    others: dict[str, str] = {}
    for name, item in file.items():
        if not name.startswith("#"):  # where MATLAB keeps what cells and objects refer to
            _note(file, name, item, arrays, others, 0)
    return arrays, others


def _note(
    file: h5py.File,
    name: str,
    item: Any,
    arrays: dict[str, h5py.Dataset],
    others: dict[str, str],
    depth: int,
) -> None:
    """Add what `item` is, and what is in it, to `arrays` and `others`."""
    import h5py

    kind = item.attrs.get("MATLAB_class", b"")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    if isinstance(item, h5py.Group):
        others[name] = "sparse matrix" if "MATLAB_sparse" in item.attrs else "structure"
        members = {} if "MATLAB_sparse" in item.attrs or depth > _DEEPEST else dict(item.items())
        for field, member in members.items():
            _note(file, f"{name}/{field}", member, arrays, others, depth + 1)
    elif item.dtype == h5py.ref_dtype:
        # A cell, or a field of several structures.
        others[name] = "cell"
        if item.size <= _MOST_MEMBERS and depth <= _DEEPEST:
            for number, reference in enumerate(item[()].T.ravel(order="F"), start=1):
                if reference:
                    member = file[reference]
                    _note(file, f"{name}{{{number}}}", member, arrays, others, depth + 1)
    elif "MATLAB_object_decode" in item.attrs:
        others[name] = kind or "object"
    elif kind == "char":
        others[name] = "text"
    elif item.dtype.kind in "iuf" and "MATLAB_empty" not in item.attrs:
        arrays[name] = item
    else:
        others[name] = "complex numbers" if item.dtype.names else "no array of numbers"
