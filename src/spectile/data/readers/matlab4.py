"""Matrices in MATLAB files of version 4, which have two axes each and no header before them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBERS = ("f8", "f4", "i4", "i2", "u2", "u1")
"""NumPy's names of the types, by their digit."""
_FULL, _TEXT, _SPARSE = 0, 1, 2
_KINDS = {_TEXT: "text", _SPARSE: "sparse matrix"}
_LONGEST_NAME = 256


@dataclass(frozen=True)
class Matlab4Array:
    """Where a matrix lies in its file."""

    name: str
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    start: int


def is_matlab4(path: Path) -> bool:
    """Whether a file begins with a matrix of version 4: of five numbers, all are small."""
    with path.open("rb") as file:
        return _header(file.read(20)) is not None


def matlab4_arrays(path: Path) -> tuple[dict[str, Matlab4Array], dict[str, str]]:
    """The real matrices in a file by name, and what else is in it.

    Raises ValueError where it is cut short or goes on as something else.
    """
    size, at = path.stat().st_size, 0
    arrays: dict[str, Matlab4Array] = {}
    others: dict[str, str] = {}
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            header = _header(file.read(20))
            if header is None:
                raise ValueError(f"no matrix of version 4 begins at byte {at:,}")
            order, digit, kind, rows, columns, imaginary, letters = header
            name = file.read(letters).split(b"\0")[0].decode("latin-1")
            dtype = np.dtype(order + _NUMBERS[digit])
            start = at + 20 + letters
            at = start + rows * columns * dtype.itemsize * (2 if imaginary else 1)
            if at > size:
                raise ValueError(f"{size:,} bytes where the matrix {name} ends at {at:,}")
            if kind == _FULL and not imaginary:
                arrays[name] = Matlab4Array(name, (rows, columns), dtype, start)
            else:
                others[name] = "complex numbers" if imaginary else _KINDS[kind]
    return arrays, others


def read_matlab4(path: Path, array: Matlab4Array) -> NDArray[Any]:
    """The numbers of a matrix."""
    count = array.shape[0] * array.shape[1]
    numbers = np.fromfile(path, array.dtype, count, offset=array.start)
    return numbers.reshape(array.shape, order="F")


def _header(content: bytes) -> tuple[str, int, int, int, int, int, int] | None:
    """Byte order, type, kind, rows, columns, whether complex, letters of the name; None if none."""
    if len(content) < 20:
        return None
    for order, machine in (("<", 0), (">", 1)):
        code, rows, columns, imaginary, letters = struct.unpack(f"{order}5i", content)
        digits = divmod(code % 100, 10)
        if (
            code // 1000 == machine
            and code % 1000 < 100
            and digits[0] < len(_NUMBERS)
            and digits[1] in (_FULL, _TEXT, _SPARSE)
            and min(rows, columns) >= 0
            and imaginary in (0, 1)
            and 1 < letters <= _LONGEST_NAME
        ):
            return order, *digits, rows, columns, imaginary, letters
    return None
