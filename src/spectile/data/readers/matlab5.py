"""Numeric arrays in MATLAB files of version 5, found without reading their pixels.

SciPy reads these files too, but whole, and a damaged one can take the process down with it (a
number type outside of its table is a segmentation fault). Layout: MathWorks, "MAT-File Format".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectile.data.readers.named_arrays import DEFLATE

_FILE_HEADER = 128
_COMPRESSED, _MATRIX = 15, 14
_NUMBERS = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"
}  # fmt: skip
"""NumPy's names of the types that data are stored in."""
_NUMERIC_CLASSES = range(6, 16)
"""double, single and the integers; below are cells, structures, text and sparse matrices."""
_CELL, _STRUCT, _OBJECT = 1, 2, 3
_HOLDERS = (_CELL, _STRUCT, _OBJECT)
_WITHOUT_SHAPE = (16, 17)
"""Functions and objects of classes, such as tables."""
_KINDS = {
    1: "cell", 2: "structure", 3: "object", 4: "text", 5: "sparse matrix", 16: "function",
    17: "table or other object",
}  # fmt: skip
_DEEPEST, _MOST_MEMBERS = 16, 100_000
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
    logical: bool = False
    """Of true and false, as 1 and 0."""

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


@dataclass(frozen=True)
class Matlab5Other:
    """Something that is no array of real numbers."""

    name: str
    kind: str


def is_matlab5(path: Path) -> bool:
    """Whether a file begins as version 5 does; version 4 has no header."""
    with path.open("rb") as file:
        return file.read(_FILE_HEADER)[126:] in (b"IM", b"MI")


def matlab5_arrays(path: Path) -> tuple[dict[str, Matlab5Array], dict[str, str]]:
    """The real numeric arrays in a file by name, and what else is in it, in a word each.

    What lies in a structure or a cell is named as in s/field and c{1}. Raises ValueError,
    struct.error or zlib.error where the file is damaged or cut short.
    """
    with path.open("rb") as file:
        order = "<" if file.read(_FILE_HEADER).endswith(b"IM") else ">"
        found = list(_walk(file, order, path.stat().st_size))
    arrays = {item.name: item for item in found if isinstance(item, Matlab5Array)}
    others = {item.name: item.kind for item in found if isinstance(item, Matlab5Other)}
    return arrays, others


def read_matlab5(path: Path, array: Matlab5Array) -> NDArray[Any]:
    """The numbers of `array` in MATLAB's shape; raises ValueError where they aren't all there."""
    with path.open("rb") as file:
        file.seek(array.start)
        numbers = file.read(array.compressed_bytes or array.size)
    if array.compressed_bytes:
        unpacking = zlib.decompressobj()
        # Up to 7 bytes of padding follow; the end has to be reached for the checksum to count.
        numbers = unpacking.decompress(numbers, array.inner_start + array.size + 8)
        if not unpacking.eof and "/" not in array.name and "{" not in array.name:
            raise ValueError(f"the compressed array {array.name} has no proper end")
        numbers = numbers[array.inner_start : array.inner_start + array.size]
    return np.frombuffer(numbers, array.dtype).reshape(array.shape, order="F")


def _walk(file: BinaryIO, order: str, file_size: int) -> Iterator[Matlab5Array | Matlab5Other]:
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
            kind, whole = struct.unpack_from(f"{order}2I", content)
            if kind != _MATRIX:
                continue
            if _class(content[8:], order) in _HOLDERS:
                content = _unpacked(file, start, length, whole + 8)
            place = _Place(content, order, start, length)
            yield from place.arrays(8, "")
        elif kind == _MATRIX:
            if _class(content, order) in _HOLDERS:
                # A map: a structure may be far larger than the memory.
                with mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
                    yield from _Place(mapped, order, 0, 0).arrays(start, "")
            else:
                yield from _Place(content, order, start, 0).arrays(0, "")


def _unpacked(file: BinaryIO, start: int, length: int, size: int) -> bytes:
    if size > length * DEFLATE:
        raise ValueError(f"{length:,} bytes announce {size:,} unpacked ones")
    file.seek(start)
    return zlib.decompressobj().decompress(file.read(length), size)


def _class(content: bytes, order: str) -> int:
    _, _, flags_at, _ = _element(content, order, 0)
    return int(struct.unpack_from(f"{order}I", content, flags_at)[0]) & 0xFF


@dataclass(frozen=True)
class _Place:
    """Bytes with array elements in them."""

    content: bytes | mmap
    order: str
    start: int
    """Of the content in the file, or of the compressed bytes that it was unpacked from."""
    compressed_bytes: int

    def arrays(self, at: int, name: str, depth: int = 0) -> Iterator[Matlab5Array | Matlab5Other]:
        """What is in the array element whose data begin at `at`; `name` where it has none."""
        content, order = self.content, self.order
        _, _, flags_at, at = _element(content, order, at)
        flags = struct.unpack_from(f"{order}I", content, flags_at)[0]
        kind = flags & 0xFF
        if kind in _WITHOUT_SHAPE:
            _, length, name_at, _ = _element(content, order, at)
            own = bytes(content[name_at : name_at + length]).decode("latin-1")
            yield Matlab5Other(name or own, _KINDS[kind])
            return
        _, length, shape_at, at = _element(content, order, at)
        shape = struct.unpack_from(f"{order}{length // 4}i", content, shape_at)
        _, length, name_at, at = _element(content, order, at)
        name = name or bytes(content[name_at : name_at + length]).decode("latin-1")
        if not name:
            return  # where MATLAB keeps what objects such as tables need
        if kind in _HOLDERS and depth < _DEEPEST:
            yield Matlab5Other(name, _KINDS[kind])
            yield from self._members(kind, shape, at, name, depth)
        elif kind not in _NUMERIC_CLASSES or flags & _COMPLEX:
            yield Matlab5Other(name, "complex numbers" if flags & _COMPLEX else _kind(kind))
        else:
            yield self._numbers(at, name, shape, logical=bool(flags & _LOGICAL))

    def _members(
        self, kind: int, shape: tuple[int, ...], at: int, name: str, depth: int
    ) -> Iterator[Matlab5Array | Matlab5Other]:
        count = int(np.prod(shape, dtype=object))
        if not 0 <= count <= _MOST_MEMBERS:
            return
        if kind == _CELL:
            names = [f"{name}{{{number + 1}}}" for number in range(count)]
        else:
            if kind == _OBJECT:
                _, _, _, at = _element(self.content, self.order, at)  # its class
            _, _, width_at, at = _element(self.content, self.order, at)
            (width,) = struct.unpack_from(f"{self.order}i", self.content, width_at)
            _, length, names_at, at = _element(self.content, self.order, at)
            text = bytes(self.content[names_at : names_at + length])
            if width < 1 or count * (length // width) > _MOST_MEMBERS:
                return
            fields = [
                text[first : first + width].split(b"\0")[0].decode("latin-1")
                for first in range(0, length, width)
            ]
            places = [""] if count == 1 else [f"({number + 1})" for number in range(count)]
            names = [f"{name}{place}/{field}" for place in places for field in fields]
        for member in names:
            kind, length, body, following = _element(self.content, self.order, at)
            if kind != _MATRIX:
                raise ValueError(f"{name} holds something that is no array")
            if length:
                yield from self.arrays(body, member, depth + 1)
            at = following

    def _numbers(
        self, at: int, name: str, shape: tuple[int, ...], *, logical: bool
    ) -> Matlab5Array:
        kind, length, numbers_at, _ = _element(self.content, self.order, at)
        if kind not in _NUMBERS:
            raise ValueError(f"the array {name} is stored as an unknown type of number")
        array = Matlab5Array(
            name,
            shape,
            np.dtype(self.order + _NUMBERS[kind]),
            self.start if self.compressed_bytes else self.start + numbers_at,
            self.compressed_bytes,
            numbers_at if self.compressed_bytes else 0,
            logical,
        )
        if min(shape, default=0) < 0 or array.size != length:
            raise ValueError(f"the array {name} has {length:,} bytes for a shape of {shape}")
        return array


def _kind(number: int) -> str:
    return _KINDS.get(number, "something that is no array of numbers")


def _element(content: bytes | mmap, order: str, at: int) -> tuple[int, int, int, int]:
    """Type, length and start of the data in the element at `at`, and where the next begins."""
    kind, length = struct.unpack_from(f"{order}2I", content, at)
    if kind >> 16:  # up to four bytes lie in the tag itself
        return kind & 0xFFFF, kind >> 16, at + 4, at + 8
    return kind, length, at + 8, at + 8 + -(-length // 8) * 8
