"""Where images come from: files, or arrays that are in memory already."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectile.data.readers.pictures import read_image


class ImageSource(Protocol):
    """Numbered images that are decoded when asked for, from several threads at once."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What messages and reports call the image: its path as the user wrote it, for one."""
        ...

    def read(self, index: int) -> NDArray[Any]:
        """The pixels (bands, H, W), NaN where missing; UnreadableImageError where damaged."""
        ...


class MaskSource(Protocol):
    """The class masks of numbered images."""

    @property
    def classes(self) -> int:
        """How many classes the legend has."""
        ...

    def name(self, index: int) -> str:
        """What messages call the mask."""
        ...

    def read(self, index: int) -> NDArray[np.uint16]:
        """Class indices from 1, 0 where unlabelled; shape (H, W)."""
        ...


@dataclass(frozen=True)
class ImageFiles:
    """Image files; see :func:`spectile.data.readers.pictures.read_image`."""

    paths: tuple[Path, ...] = field(repr=False)
    bands_last: bool = True
    """Whether .npy files hold rows, columns, bands."""
    alpha: bool | None = None
    """Whether channels of TIFFs that are marked as alpha are such, where that is known."""
    bands: int | None = None
    """How many bands are expected, where that is known."""

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def read(self, index: int) -> NDArray[Any]:
        return read_image(
            self.paths[index], bands_last=self.bands_last, alpha=self.alpha, bands=self.bands
        )


@dataclass(frozen=True, eq=False)
class ImageArrays:
    """Images of one size in memory."""

    pixels: NDArray[Any] = field(repr=False)
    """Shape (N, bands, H, W)."""
    names: tuple[str, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.pixels)

    def name(self, index: int) -> str:
        return self.names[index]

    def read(self, index: int) -> NDArray[Any]:
        pixels: NDArray[Any] = self.pixels[index]
        return pixels


def file_fingerprints(paths: Sequence[Path]) -> list[bytes]:
    """A hash of each file's bytes: equal ones hold equal images."""
    return [_file_fingerprint(path) for path in paths]


def array_fingerprints(pixels: NDArray[Any]) -> list[bytes]:
    """A hash of each of (N, ...) arrays of one shape and type."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in pixels]


def _file_fingerprint(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    except OSError:
        return str(path).encode(errors="replace")  # the loader will name it
