"""Numeric arrays in MATLAB files of version 5, found without reading their pixels.

SciPy reads these files too, but whole, and a damaged one can take the process down with it (a
number type outside of its table is a segmentation fault). Layout: MathWorks, "MAT-File Format".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_FILE_HEADER = 128
_COMPRESSED, _MATRIX = 15, 14
_NUMBERS = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"
}  # fmt: skip
"""NumPy's names of the types that data are stored in."""
_NUMERIC_CLASSES = range(6, 16)
"""double, single and the integers; below are cells, structures, text and sparse matrices."""
_COMPLEX, _LOGICAL = 0x800, 0x200
_ENOUGH = 4096
"""Bytes that hold an array's name and shape: a name has at most 63 letters."""


@dataclass(frozen=True)
class Matlab5Array:
    """Where an array lies in its file."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    """As stored: MATLAB keeps doubles that are whole numbers as integers."""
    start: int
    """Of the compressed bytes where there are any, else of the numbers."""
    compressed_bytes: int
    """0 where the array is not compressed."""
    inner_start: int
    """Of the numbers in what the compressed bytes unpack to."""

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def is_matlab5(path: Path) -> bool:
    """Whether a file begins as version 5 does; version 4 has no header."""
    with path.open("rb") as file:
        return file.read(_FILE_HEADER)[126:] in (b"IM", b"MI")


def matlab5_arrays(path: Path) -> dict[str, Matlab5Array]:
    """The real numeric arrays in a file by name.

    Raises ValueError, struct.error or zlib.error where it is damaged or cut short.
    """
    with path.open("rb") as file:
        order = "<" if file.read(_FILE_HEADER).endswith(b"IM") else ">"
        return {array.name: array for array in _walk(file, order, path.stat().st_size)}


def read_matlab5(path: Path, array: Matlab5Array) -> NDArray[Any]:
    """The numbers of `array` in MATLAB's shape; raises ValueError where they aren't all there."""
    with path.open("rb") as file:
        file.seek(array.start)
        numbers = file.read(array.compressed_bytes or array.size)
    if array.compressed_bytes:
        unpacking = zlib.decompressobj()
        # Up to 7 bytes of padding follow; the end has to be reached for the checksum to count.
        numbers = unpacking.decompress(numbers, array.inner_start + array.size + 8)
        if not unpacking.eof:
            raise ValueError(f"the compressed array {array.name} has no proper end")
        numbers = numbers[array.inner_start : array.inner_start + array.size]
    return np.frombuffer(numbers, array.dtype).reshape(array.shape, order="F")


def _walk(file: BinaryIO, order: str, file_size: int) -> Iterator[Matlab5Array]:
    at = _FILE_HEADER
    while at + 8 <= file_size:
        file.seek(at)
        kind, length = struct.unpack(f"{order}2I", file.read(8))
        start, at = at + 8, at + 8 + length
        if at > file_size:
            raise ValueError(f"{file_size:,} bytes where an array ends at {at:,}")
        content = file.read(min(length, _ENOUGH))
        if kind == _COMPRESSED:
            content = zlib.decompressobj().decompress(content, _ENOUGH)
            kind = struct.unpack_from(f"{order}I", content)[0]
            array = _array(content[8:], order, start, compressed_bytes=length)
        else:
            array = _array(content, order, start, compressed_bytes=0)
        if kind == _MATRIX and array is not None:
            yield array


def _array(content: bytes, order: str, start: int, *, compressed_bytes: int) -> Matlab5Array | None:
    """The array whose element begins with `content`; None for what is no real numeric array."""
    _, _, flags_at, at = _element(content, order, 0)
    flags = struct.unpack_from(f"{order}I", content, flags_at)[0]
    if flags & 0xFF not in _NUMERIC_CLASSES or flags & (_COMPLEX | _LOGICAL):
        return None
    _, length, shape_at, at = _element(content, order, at)
    shape = struct.unpack_from(f"{order}{length // 4}i", content, shape_at)
    _, length, name_at, at = _element(content, order, at)
    name = content[name_at : name_at + length].decode("latin-1")
    if not name:
        return None  # where MATLAB keeps what objects such as tables need
    kind, length, numbers_at, _ = _element(content, order, at)
    if kind not in _NUMBERS:
        raise ValueError(f"the array {name} is stored as an unknown type of number")
    inner = numbers_at + 8 if compressed_bytes else 0
    array = Matlab5Array(
        name,
        shape,
        np.dtype(order + _NUMBERS[kind]),
        start if compressed_bytes else start + numbers_at,
        compressed_bytes,
        inner,
    )
    if min(shape, default=0) < 0 or array.size != length:
        raise ValueError(f"the array {name} has {length:,} bytes for a shape of {shape}")
    return array


def _element(content: bytes, order: str, at: int) -> tuple[int, int, int, int]:
    """Type, length and start of the data in the element at `at`, and where the next begins."""
    kind, length = struct.unpack_from(f"{order}2I", content, at)
    if kind >> 16:  # up to four bytes lie in the tag itself
        return kind & 0xFFFF, kind >> 16, at + 4, at + 8
    return kind, length, at + 8, at + 8 + -(-length // 8) * 8
