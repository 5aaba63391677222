"""The file that holds what was found in each window, until the map of objects is finished."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from spectile.mapping.instances.pieces import Piece, unpacked

_HEAD = struct.Struct("<QQI?")
"""The number of the window, how many bytes follow, their checksum, whether it is to be repeated."""


class SearchedWindows:
    """Windows in the order in which they were searched; what a kill cut short is dropped.

    Each is one record with a checksum, so that no other journal is needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[int, tuple[int, int]] = {}
        if path.exists():
            end = 0
            for number, start, size, again in _whole_records(path):
                end = start + size
                if not again:
                    self._places[number] = (start, size)
            os.truncate(path, end)

    def __contains__(self, number: int) -> bool:
        return number in self._places

    @property
    def numbers(self) -> list[int]:
        """Of the windows that were searched, ascending."""
        return sorted(self._places)

    def add(self, number: int, data: bytes, *, again: bool = False) -> None:
        """Keep the packed pieces of a window; whoever goes on searches it `again`."""
        with self._path.open("ab") as file:
            start = file.tell() + _HEAD.size
            file.write(_HEAD.pack(number, len(data), zlib.crc32(data), again) + data)
        self._places[number] = (start, len(data))

    def read(self, number: int) -> list[Piece]:
        """The pieces of a window."""
        start, size = self._places[number]
        with self._path.open("rb") as file:
            file.seek(start)
            return unpacked(file.read(size))


def _whole_records(path: Path) -> Iterator[tuple[int, int, int, bool]]:
    """The number of each window, where its bytes begin, how many they are, whether to repeat it."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            number, size, checksum, again = _HEAD.unpack(head)
            start = file.tell()
            data = file.read(size)
            if len(data) < size or zlib.crc32(data) != checksum:
                return
            yield number, start, size, again
