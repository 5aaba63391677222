"""Cubes in HDF5 and netCDF-4 files: PRISMA, EMIT, NEON and whatever else calls its axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.readers.axes import Shape
from spectile.data.readers.cf_cube import Attributes, FileAxes, choose_cube, scene_of_cube
from spectile.data.readers.header_fields import field_of
from spectile.data.readers.matlab73 import CHUNKS_KEPT, Hdf5Reader
from spectile.data.readers.named_arrays import DEFLATE, check_stored, damage_reported
from spectile.data.readers.registry import Format, Request, array_suffixes
from spectile.data.scene import Reader, Scene

if TYPE_CHECKING:
    import h5py

_MAGIC = b"\x89HDF\r\n\x1a\n"
_OTHERS = (".bag", ".kea", ".tif", ".tiff")
"""Formats made of HDF5 that GDAL knows better."""


class Hdf5(Format):
    """HDF5 and netCDF-4: the array that is meant, or the only numeric one with three axes.

    Wavelengths come from a list in the file, scale and nodata from the array's attributes, the
    place on the ground from its grid mapping and even coordinates; the axes as
    :func:`scene_of_cube` finds them. Errors name what there is to choose from.
    """

    name = "HDF5"
    suffixes = (".h5", ".he5", ".hdf5", ".nc")
    parts = (*suffixes, ".hdf", ".nc4")
    images = False

    def can_open(self, request: Request) -> bool:
        if request.suffix in (*_OTHERS, *array_suffixes()):
            return False  # the latter are known by their names
        with request.path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC

    def open(self, request: Request) -> Scene:
        return _open(request)


HDF5 = Hdf5()


def _open(request: Request) -> Scene:
    import h5py

    source = request.source
    with damage_reported(source):
        file = h5py.File(request.path, "r", rdcc_nbytes=CHUNKS_KEPT)
        arrays = dict(_arrays(file))
        shapes = {name: item.shape for name, item in arrays.items()}
        dataset = arrays[choose_cube(source, shapes, request.part)]
        most = 1 if dataset.compression is None else DEFLATE
        size = dataset.size * dataset.dtype.itemsize
        check_stored(source, size, dataset.id.get_storage_size(), most)
        cube = _Hdf5Cube(file, dataset)
        return scene_of_cube(
            cube, source, "HDF5", str(request.path), request.bands_last, request.bands
        )


def _arrays(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    import h5py

    found: list[tuple[str, h5py.Dataset]] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf" and item.shape is not None:
            found.append((name, item))

    group.visititems(note)
    yield from found


@dataclass(frozen=True)
class _Hdf5Cube:
    """An array in its file."""

    file: h5py.File
    dataset: h5py.Dataset

    @property
    def shape(self) -> Shape:
        return tuple(self.dataset.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.dataset.dtype
        return dtype

    def dimensions(self) -> list[str]:
        return [_dimension(self.dataset, axis) for axis in range(self.dataset.ndim)]

    def attributes(self) -> Attributes:
        own = _attributes(self.dataset)
        return {**_prisma_scale(self.dataset.name, _attributes(self.file)), **own}

    def lists(self, field: str) -> Iterator[tuple[NDArray[Any], Attributes]]:
        near = self.dataset.parent.name.strip("/")
        own = self.dataset.name.lower()
        arrays = sorted(_arrays(self.file), key=lambda item: not item[0].startswith(near))
        for name, item in arrays:
            if item.ndim == 1 and field_of(name.rsplit("/", 1)[-1]) == field:
                yield np.asarray(item[()], np.float64), _attributes(item)
        for holder in (self.dataset, self.dataset.parent, self.file):
            for name, value in _attributes(holder).items():
                # PRISMA has a list for each detector, whose cubes may have as many bands.
                other = next((d for d in ("vnir", "swir") if d in name.lower()), "")
                values = np.asarray(value)
                numeric = values.ndim == 1 and values.dtype.kind in "iuf"
                if numeric and field_of(name) == field and other in own:
                    yield values.astype(np.float64), {}

    def beside(self, name: str) -> tuple[NDArray[Any], Attributes] | None:
        import h5py

        group = self.dataset.parent
        while True:  # up to the root
            item = group.get(name)
            if isinstance(item, h5py.Dataset) and item.ndim <= 1:
                return np.asarray(item[()]), _attributes(item)
            if group.name == "/":
                return None
            group = group.parent

    def reader(self, axes: FileAxes) -> Reader:
        return Hdf5Reader(self.dataset, axes)


def _prisma_scale(name: str, root: Attributes) -> dict[str, float]:
    """PRISMA's reflectances: 0 to 65535 stand for the least to the most of a detector."""
    for detector in ("Vnir", "Swir"):
        try:
            low, high = (float(root[f"L2Scale{detector}{end}"]) for end in ("Min", "Max"))
        except (KeyError, TypeError, ValueError):
            continue
        if f"{detector.lower()}_cube" in name.lower():
            return {"scale_factor": (high - low) / 65535, "add_offset": low}
    return {}


def _dimension(dataset: h5py.Dataset, axis: int) -> str:
    dimension = dataset.dims[axis]
    try:
        return dimension[0].name.rsplit("/", 1)[-1] if len(dimension) else str(dimension.label)
    except (RuntimeError, KeyError, ValueError, AttributeError):
        return ""


def _attributes(item: Any) -> dict[str, Any]:
    found = {}
    for name in item.attrs:
        try:
            value = item.attrs[name]
        except (OSError, TypeError, KeyError, ValueError):
            continue  # of a type that only the writing program knows
        found[str(name)] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return found
