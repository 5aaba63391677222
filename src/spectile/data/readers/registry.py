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

import importlib
import logging
import os
import pkgutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.plugins import installed

GROUP = "spectile.readers"
"""Of entry points; each names an instance of :class:`Format`."""
_HOME = "spectile.data.readers.formats"
_LOG = logging.getLogger(__name__)
_LOCK = threading.RLock()


PICTURES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "TIFF": (".tif", ".tiff"),
    ".npy": (".npy",),
}
"""What is decoded as pictures (pictures.py), as people call it, with the suffixes of each."""


class Turn(IntEnum):
    """When a format of ours is asked."""

    CONTENT = 1
    """It looks into the file."""
    NAME = 2
    """It goes by the name."""
    LAST = 3
    """It takes what no other does."""


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


class Format(ABC):
    """A format of files that hold one scene each, or several to choose from."""

    name: ClassVar[str]
    """For people: "MATLAB"."""
    suffixes: ClassVar[tuple[str, ...]]
    """What its files end in, in lower case: so they are found in folders and archives."""
    parts: ClassVar[tuple[str, ...]] = ()
    """Suffixes after which ``:name`` picks an array of the file."""
    turn: ClassVar[Turn] = Turn.CONTENT
    images: ClassVar[bool] = True
    """Whether files with these suffixes count as images, or masks, in folders of images."""

    @abstractmethod
    def can_open(self, request: Request) -> bool:
        """Whether a file, which is there, is of this format; quick, and without raising."""

    @abstractmethod
    def open(self, request: Request) -> Scene:
        """The scene in the file, without reading its pixels.

        Raises InputError, naming `request.source` and what to do, where there is none.
        """


class ArrayFormat(Format):
    """A format of plain arrays, of which one of two axes may hold labels."""

    @abstractmethod
    def load(self, request: Request, axes: int) -> NDArray[Any]:
        """The array that is meant, or else the only one with so many axes."""


def formats() -> tuple[Format, ...]:
    """All formats in the order in which they are asked."""
    with _LOCK:  # images are opened in threads
        return tuple(one for one in (*added(), *_ours()) if one not in _BROKEN)


@cache
def added() -> tuple[Format, ...]:
    """The formats of other packages."""
    return tuple(one for one in _installed() if _is_whole(one))


def format_of(request: Request) -> Format:
    """The format of a file that is there."""
    return next(one for one in formats() if _can_open(one, request))  # GDAL's takes any file


def open_file(request: Request) -> Scene:
    """The scene in a file that is there, by the first format that can open it.

    Raises InputError where that can't make a scene of it.
    """
    return _opened(format_of(request), request)


def image_format(request: Request) -> Format | None:
    """The format of an image that is none of the pictures that are decoded as a whole."""
    return next((one for one in formats() if one.images and _can_open(one, request)), None)


def open_image(request: Request) -> Scene | None:
    """The scene that such an image is; None where no format of images can open it."""
    found = image_format(request)
    return None if found is None else _opened(found, request)


def array_format(request: Request) -> ArrayFormat | None:
    """The format of plain arrays that can open a file."""
    arrays = (one for one in formats() if isinstance(one, ArrayFormat))
    return next((one for one in arrays if _can_open(one, request)), None)


def is_known(path: Path) -> bool:
    """Whether any format but GDAL's can open a file, which is there."""
    return format_of(Request(path, os.fspath(path))).turn != Turn.LAST


def scene_suffixes() -> frozenset[str]:
    """What files that may be scenes end in."""
    return frozenset(suffix for one in formats() for suffix in one.suffixes)


def part_suffixes() -> frozenset[str]:
    """What files end in after which ``:name`` picks an array."""
    return frozenset(suffix for one in formats() for suffix in one.parts)


def array_suffixes() -> tuple[str, ...]:
    """What files of plain arrays end in."""
    arrays = (one for one in formats() if isinstance(one, ArrayFormat))
    return tuple(suffix for one in arrays for suffix in one.suffixes)


def image_suffixes() -> tuple[str, ...]:
    """What counts as an image in a folder, in lower case."""
    others = (suffix for one in _image_formats() for suffix in one.suffixes)
    return (*(suffix for suffixes in PICTURES.values() for suffix in suffixes), *others)


def image_kinds() -> str:
    """The formats of images, for people: "PNG, JPEG, TIFF or .npy"."""
    *names, last = (*PICTURES, *(one.name for one in _image_formats()))
    return f"{', '.join(names)} or {last}"


_OF_THE_FILE: tuple[type[Exception], ...] = (InputError, OSError, *GDAL_ERRORS)
"""Errors that tell of a file; all others are a format's own fault."""
_BROKEN: set[Format] = set()
"""Formats of other packages that failed to say what they can open."""


def _image_formats() -> list[Format]:
    return [one for one in formats() if one.images]


@cache
def _ours() -> tuple[Format, ...]:
    package = importlib.import_module(_HOME)
    modules = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    found = (one for name in modules for one in _formats_in(f"{_HOME}.{name}"))
    return tuple(sorted(found, key=lambda one: one.turn))


def _formats_in(module: str) -> Iterator[Format]:
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, Format) and type(value).__module__ == module:
            yield value


def _installed() -> Iterator[Format]:
    return installed(GROUP, Format)  # type: ignore[type-abstract]


def _is_whole(one: Format) -> bool:
    suffixes = getattr(one, "suffixes", None)
    whole = isinstance(getattr(one, "name", None), str) and isinstance(suffixes, tuple)
    if not whole:
        _leave_out(one, "it needs a name and a tuple of suffixes")
    return whole


def _can_open(one: Format, request: Request) -> bool:
    if one not in added():
        return one.can_open(request)
    try:
        return bool(one.can_open(request))
    except OSError:
        raise  # the file's fault
    except Exception as error:  # somebody else's code: anything can be wrong with it
        _BROKEN.add(one)
        _leave_out(one, f"{type(error).__name__} at {request.source}: {error}")
        return False


def _leave_out(one: Format, reason: str) -> None:
    lines = reason.strip().splitlines()
    _LOG.warning(
        "the format %s of the package %s is left out (%s): update or remove it.",
        *(getattr(one, "name", type(one).__name__), _package(one), lines[0] if lines else ""),
    )


def _package(one: Format) -> str:
    return type(one).__module__.partition(".")[0]


def _opened(one: Format, request: Request) -> Scene:
    if one not in added():
        return one.open(request)
    try:
        scene = one.open(request)
        if not isinstance(scene, Scene):
            raise TypeError(f"it gave a {type(scene).__name__} and no Scene")
    except _OF_THE_FILE:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"{request.source} can't be read by the format {one.name} of the package "
            f"{_package(one)} ({lines[0].rstrip('.')}): update the package, or export the file in "
            "another format."
        ) from error
    return scene if scene.files else replace(scene, files=(os.fspath(request.path),))
