"""Formats of files, found in a folder of ours and in packages of others, and asked in turn.

What a format is, says :mod:`spectile.data.readers.registry` for scenes, labels and images, and
:mod:`spectile.data.labels.features` for polygons, lines and points.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.errors import InputError, first_line
from spectile.plugins import installed

_LOG = logging.getLogger(__name__)
_OF_THE_FILE: tuple[type[Exception], ...] = (InputError, OSError, *GDAL_ERRORS)
"""Errors that tell of a file; all others are a format's own fault."""


class Turn(IntEnum):
    """When a format of ours is asked."""

    CONTENT = 1
    """It looks into the file."""
    NAME = 2
    """It goes by the name."""
    LAST = 3
    """It takes what no other does."""


class Asked(Protocol):
    """What is to be opened."""

    @property
    def source(self) -> str:
        """The file as the user wrote it: what messages call it."""
        ...


Request = TypeVar("Request", bound=Asked)
Opened = TypeVar("Opened")


class BaseFormat(ABC, Generic[Request, Opened]):
    """A format of files: what it is called, whether it can open a file, and opening it."""

    name: ClassVar[str]
    """For people: "MATLAB"."""
    suffixes: ClassVar[tuple[str, ...]]
    """What its files end in, in lower case."""
    turn: ClassVar[Turn] = Turn.CONTENT

    @abstractmethod
    def can_open(self, request: Request) -> bool:
        """Whether a file is of this format; quick, and without raising."""

    @abstractmethod
    def open(self, request: Request) -> Opened:
        """What is in the file.

        Raises InputError, naming `request.source` and what to do, where it can't be opened.
        """


AnyFormat = TypeVar("AnyFormat", bound=BaseFormat[Any, Any])


class Registry(Generic[AnyFormat]):
    """The formats of one kind.

    Those of other packages are asked first, by their names, so that one can read a known format
    its own way; then ours, turn by turn. A broken one costs a line of warning and is left out.
    """

    def __init__(self, group: str, folder: str, wanted: type[AnyFormat], gives: type) -> None:
        """`group` is that of the entry points, `folder` the package of ours.

        Each entry point, and each module in the folder, has an instance of `wanted`, which gives
        a `gives`.
        """
        self._group, self._folder = group, folder
        self._wanted, self._gives = wanted, gives
        self._added: tuple[AnyFormat, ...] | None = None
        self._ours: tuple[AnyFormat, ...] | None = None
        self._broken: set[AnyFormat] = set()
        self._lock = threading.RLock()  # images are opened in threads

    def formats(self) -> tuple[AnyFormat, ...]:
        """All of them, in the order in which they are asked."""
        with self._lock:
            if self._added is None:
                self._added = tuple(filter(self._is_whole, installed(self._group, self._wanted)))
            if self._ours is None:
                self._ours = tuple(sorted(self._in_folder(), key=lambda one: one.turn))
            return tuple(one for one in (*self._added, *self._ours) if one not in self._broken)

    def added(self) -> tuple[AnyFormat, ...]:
        """Those of other packages."""
        return tuple(one for one in self.formats() if self._is_added(one))

    def forget(self) -> None:
        """Look for formats of other packages anew."""
        with self._lock:
            self._added = None

    def can_open(self, one: AnyFormat, request: Asked) -> bool:
        """Whether a format says that it can open a file; one that can't even say so is left out."""
        if not self._is_added(one):
            return one.can_open(request)
        try:
            return bool(one.can_open(request))
        except OSError:
            raise  # the file's fault
        except Exception as error:  # somebody else's code: anything can be wrong with it
            self._broken.add(one)
            _leave_out(one, f"{type(error).__name__} at {request.source}: {error}")
            return False

    def open(self, one: AnyFormat, request: Asked) -> Any:
        """What a format makes of a file; a fault of another package's becomes an InputError."""
        if not self._is_added(one):
            return one.open(request)
        try:
            opened = one.open(request)
            if not isinstance(opened, self._gives):
                raise TypeError(f"it gave a {type(opened).__name__} and no {self._gives.__name__}")
        except _OF_THE_FILE:
            raise
        except Exception as error:
            raise InputError(
                f"{request.source} can't be read by the format {one.name} of the package "
                f"{_package(one)} ({first_line(error).rstrip('.')}): update the package, or "
                "export the file in another format."
            ) from error
        return opened

    def _is_added(self, one: AnyFormat) -> bool:
        return self._added is not None and one in self._added

    def _in_folder(self) -> Iterator[AnyFormat]:
        package = importlib.import_module(self._folder)
        for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
            module = importlib.import_module(f"{self._folder}.{found.name}")
            for value in vars(module).values():
                if isinstance(value, self._wanted) and type(value).__module__ == module.__name__:
                    yield value

    def _is_whole(self, one: AnyFormat) -> bool:
        suffixes = getattr(one, "suffixes", None)
        whole = isinstance(getattr(one, "name", None), str) and isinstance(suffixes, tuple)
        if not whole:
            _leave_out(one, "it needs a name and a tuple of suffixes")
        return whole


def _leave_out(one: BaseFormat[Any, Any], reason: str) -> None:
    _LOG.warning(
        "the format %s of the package %s is left out (%s): update or remove it.",
        *(getattr(one, "name", type(one).__name__), _package(one), first_line(reason)),
    )


def _package(one: BaseFormat[Any, Any]) -> str:
    return type(one).__module__.partition(".")[0]
