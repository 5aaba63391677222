"""A file format: a line "cube", then an array of NumPy (bands, rows, columns)."""

from __future__ import annotations

import numpy as np

from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.registry import Format, Request
from spectile.data.scene import Scene

START = b"cube\n"


class Cube(Format):
    """Files that end in .cube."""

    name = "Cube"
    suffixes = (".cube",)

    def can_open(self, request: Request) -> bool:
        with request.path.open("rb") as file:
            return file.read(len(START)) == START

    def open(self, request: Request) -> Scene:
        with request.path.open("rb") as file:
            file.seek(len(START))
            return scene_from_array(np.load(file), source=request.source)


FORMAT = Cube()
