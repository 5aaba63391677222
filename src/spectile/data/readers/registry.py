"""The formats that files are opened in, each of which says what it can open and opens it.

A format is a file in the folder `formats/` with an instance of a :class:`Format`, or such an
instance in a package of one's own, named in its pyproject.toml::

    [project.entry-points."spectile.readers"]
    myformat = "my_package.myformat:FORMAT"

What it opens is opened as a scene, as labels and masks of scenes, and among images with their
masks. They are asked in this order, and the first that can open a file does:

1. formats of other packages, by their names, so that one can read a known format its own way;
2. formats that know their files by content;
3. formats that know their files by name, such as .mat, of which a damaged one is said to be so;
4. GDAL, which opens whatever is left.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from spectile.data.formats import BaseFormat, Registry
from spectile.data.formats import Turn as Turn
from spectile.data.scene import Scene

GROUP = "spectile.readers"
"""Of entry points; each names an instance of :class:`Format`."""
PICTURES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "TIFF": (".tif", ".tiff"),
    ".npy": (".npy",),
}
"""What is decoded as pictures (pictures.py), as people call it, with the suffixes of each."""


@dataclass(frozen=True)
class Request:
    """A file to open, and what the user says of it."""

    path: Path
    source: str
    """The file as the user wrote it, with the part: what messages call it."""
    part: str | None = None
    """The array that is meant, in ``file.h5:part``; None for the only one that fits."""
    bands_last: bool | None = None
    """Whether arrays hold rows, columns, bands (True) or bands, rows, columns (False)."""
    bands: int | None = None
    """How many bands there should be, where that is known."""

    @property
    def suffix(self) -> str:
        """The end of the file's name, in lower case, such as ".mat"."""
        return self.path.suffix.lower()


class Format(BaseFormat[Request, Scene]):
    """A format of files that hold one scene each, or several to choose from.

    ``can_open(request)`` says whether a file, which is there, is of this format, and
    ``open(request)`` gives its scene without reading the pixels. By its suffixes its files are
    found in folders and archives.
    """

    parts: ClassVar[tuple[str, ...]] = ()
    """Suffixes after which ``:name`` picks an array of the file."""
    images: ClassVar[bool] = True
    """Whether files with these suffixes count as images, or masks, in folders of images."""


class ArrayFormat(Format):
    """A format of plain arrays, of which one of two axes may hold labels."""

    @abstractmethod
    def load(self, request: Request, axes: int) -> NDArray[Any]:
        """The array that is meant, or else the only one with so many axes."""


FORMATS: Registry[Format] = Registry(
    GROUP,
    "spectile.data.readers.formats",
    Format,  # type: ignore[type-abstract]
    Scene,
)


def open_file(request: Request) -> Scene:
    """The scene in a file that is there, by the first format that can open it.

    Raises InputError where that can't make a scene of it.
    """
    return _opened(_format_of(request), request)


def open_image(request: Request) -> Scene | None:
    """The scene that an image is which isn't decoded as a picture; None where no format has it."""
    found = next((one for one in _image_formats() if FORMATS.can_open(one, request)), None)
    return None if found is None else _opened(found, request)


def array_format(request: Request) -> ArrayFormat | None:
    """The format of plain arrays that can open a file."""
    return next((one for one in _array_formats() if FORMATS.can_open(one, request)), None)


def is_known(path: Path) -> bool:
    """Whether any format but GDAL's can open a file, which is there."""
    return _format_of(Request(path, os.fspath(path))).turn != Turn.LAST


def scene_suffixes() -> frozenset[str]:
    """What files that may be scenes end in."""
    return frozenset(suffix for one in FORMATS.formats() for suffix in one.suffixes)


def part_suffixes() -> frozenset[str]:
    """What files end in after which ``:name`` picks an array."""
    return frozenset(suffix for one in FORMATS.formats() for suffix in one.parts)


def array_suffixes() -> tuple[str, ...]:
    """What files of plain arrays end in."""
    return tuple(suffix for one in _array_formats() for suffix in one.suffixes)


def image_suffixes() -> tuple[str, ...]:
    """What counts as an image in a folder, in lower case."""
    others = (suffix for one in _image_formats() for suffix in one.suffixes)
    return (*(suffix for suffixes in PICTURES.values() for suffix in suffixes), *others)


def image_kinds() -> str:
    """The formats of images, for people: "PNG, JPEG, TIFF or .npy"."""
    *names, last = (*PICTURES, *(one.name for one in _image_formats()))
    return f"{', '.join(names)} or {last}"


def _format_of(request: Request) -> Format:
    # GDAL's takes any file.
    return next(one for one in FORMATS.formats() if FORMATS.can_open(one, request))


def _image_formats() -> list[Format]:
    return [one for one in FORMATS.formats() if one.images]


def _array_formats() -> list[ArrayFormat]:
    return [one for one in FORMATS.formats() if isinstance(one, ArrayFormat)]


def _opened(one: Format, request: Request) -> Scene:
    scene: Scene = FORMATS.open(one, request)
    if scene.files or one not in FORMATS.added():
        return scene
    return replace(scene, files=(os.fspath(request.path),))
