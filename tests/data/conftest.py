"""Scenes in real formats, each holding the same few pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

AXES = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}
TYPES = {
    "uint8": 1,
    "int16": 2,
    "int32": 3,
    "float32": 4,
    "float64": 5,
    "complex64": 6,
    "uint16": 12,
}

WriteEnvi = Callable[..., Path]


@pytest.fixture
def pixels() -> NDArray[np.int16]:
    """Bands, rows and columns in three lengths, no value twice: no axis goes for another."""
    return np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)


@pytest.fixture
def write_envi(tmp_path: Path) -> WriteEnvi:
    """Writes pixels (bands, rows, columns) as an ENVI scene and gives the data file."""

    def write(
        pixels: NDArray[np.generic],
        name: str = "scene.dat",
        *,
        header: str | None = None,
        interleave: str = "bsq",
        offset: int = 0,
        big_endian: bool = False,
        fields: str = "",
        first_line: str = "ENVI",
    ) -> Path:
        bands, lines, samples = pixels.shape
        stored = pixels.transpose(AXES[interleave.lower()])
        stored = stored.astype(stored.dtype.newbyteorder(">" if big_endian else "<"))
        path = tmp_path / name
        path.write_bytes(bytes(offset) + stored.tobytes())
        (tmp_path / (header or f"{path.stem}.hdr")).write_text(
            f"{first_line}\nsamples = {samples}\nlines = {lines}\nbands = {bands}\n"
            f"header offset = {offset}\nfile type = ENVI Standard\n"
            f"data type = {TYPES[pixels.dtype.name]}\ninterleave = {interleave}\n"
            f"byte order = {int(big_endian)}\n{fields}",
            encoding="latin-1",
        )
        return path

    return write
