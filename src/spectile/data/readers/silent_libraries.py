"""Image libraries kept off the terminal, in several threads at once."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


class _Silence:
    """Warnings and hooks of the process, put aside while at least one thread decodes an image.

    They belong to the process, so a thread that put them back on its own would give another's
    silence back for good; the last one to leave does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._outer = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._outer.enter_context(_nothing_said())
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._outer.close()


@contextmanager
def _nothing_said() -> Iterator[None]:
    hooks = sys.excepthook, sys.unraisablehook
    with warnings.catch_warnings():
        # Missing georeference, a size past Pillow's taste, an EXIF block that is odd: all of it
        # is either no fault in an image or raised as well.
        warnings.simplefilter("ignore")
        # rasterio's log falls over messages that quote a damaged file's bytes, and says so here.
        sys.excepthook = lambda *_: None
        sys.unraisablehook = lambda _: None
        try:
            yield
        finally:
            sys.excepthook, sys.unraisablehook = hooks


silence = _Silence()
"""``with silence(): ...`` around whatever decodes a file."""
