"""Cubes in netCDF files of the classic kind, which aren't HDF5."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.compat.scipy import address_of_map, attributes_of
from spectile.data.readers.axes import Shape
from spectile.data.readers.cf_cube import Attributes, FileAxes, choose_cube, scene_of_cube
from spectile.data.readers.header_fields import field_of
from spectile.data.readers.in_memory import ArrayReader
from spectile.data.readers.mapped import MappedReader
from spectile.data.readers.named_arrays import damage_reported
from spectile.data.readers.registry import Format, Request, array_suffixes
from spectile.data.scene import Reader, Scene

_MAGIC = (b"CDF\x01", b"CDF\x02")


class Netcdf3(Format):
    """netCDF of the classic kind: the array that is meant, or the only one with three axes.

    It is read as HDF5 is.
    """

    name = "netCDF"
    suffixes = (".nc",)
    parts = suffixes
    images = False

    def can_open(self, request: Request) -> bool:
        if request.suffix in array_suffixes():
            return False  # such as are known by their names
        with request.path.open("rb") as file:
            return file.read(4) in _MAGIC

    def open(self, request: Request) -> Scene:
        return _open(request)


NETCDF3 = Netcdf3()


def _open(request: Request) -> Scene:
    from scipy.io import netcdf_file

    path, source = request.path, request.source
    with damage_reported(source), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that arrays outlive the file
        with netcdf_file(path, "r", mmap=True, maskandscale=False) as file:
            start = address_of_map(file)
            variables = {
                name: _Variable(path, name, variable, start)
                for name, variable in file.variables.items()
                if np.asarray(variable.data).dtype.kind in "iuf"
            }
            shapes = {name: variable.shape for name, variable in variables.items()}
            cube = _Netcdf3Cube(variables, choose_cube(source, shapes, request.part))
            return scene_of_cube(
                cube, source, "netCDF", str(path), request.bands_last, request.bands
            )


class _Variable:
    """An array of a file, without holding on to the map of it."""

    def __init__(self, path: Path, name: str, variable: Any, start: int) -> None:
        data = variable.data
        self.path = path
        self.name = name
        self.shape = tuple(int(length) for length in variable.shape)
        self.dtype = data.dtype
        self.dimensions = [str(dimension) for dimension in variable.dimensions]
        self.attributes = {
            key: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            for key, value in attributes_of(variable).items()
        }
        # Records of several variables take turns in the file: these are read at once.
        self.plain = data.flags.c_contiguous and data.ndim == 3
        self.offset = data.ctypes.data - start if self.plain else 0
        self.values = None if self.plain else np.array(data)

    def numbers(self) -> NDArray[Any]:
        if self.values is not None:
            return self.values
        return np.fromfile(
            self.path, self.dtype, int(np.prod(self.shape)), offset=self.offset
        ).reshape(self.shape)


@dataclass(frozen=True)
class _Netcdf3Cube:
    """An array beside the others of its file."""

    variables: Mapping[str, _Variable]
    name: str

    @property
    def shape(self) -> Shape:
        return self.variables[self.name].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.variables[self.name].dtype
        return dtype

    def dimensions(self) -> list[str]:
        return self.variables[self.name].dimensions

    def attributes(self) -> Attributes:
        return self.variables[self.name].attributes

    def lists(self, field: str) -> Iterator[tuple[NDArray[Any], Attributes]]:
        for name, variable in self.variables.items():
            if len(variable.shape) == 1 and field_of(name) == field:
                yield variable.numbers().astype(np.float64), variable.attributes

    def beside(self, name: str) -> tuple[NDArray[Any], Attributes] | None:
        variable = self.variables.get(name)
        if variable is None or len(variable.shape) > 1:
            return None
        return variable.numbers(), variable.attributes

    def reader(self, axes: FileAxes) -> Reader:
        variable = self.variables[self.name]
        band, rows, columns = axes
        if variable.plain and band is not None:
            first, second, third = variable.shape
            return MappedReader(
                variable.path,
                variable.dtype,
                (first, second, third),
                (band, rows, columns),
                offset=variable.offset,
            )
        order = [axis for axis in axes if axis is not None]
        others = [axis for axis in range(len(variable.shape)) if axis not in order]
        numbers = variable.numbers().transpose([*others, *order])
        height, width = variable.shape[rows], variable.shape[columns]
        native = numbers.reshape(-1, height, width)
        return ArrayReader(native.astype(native.dtype.newbyteorder("="), copy=False))
