"""Work that is asked for more often than it is worth doing."""

from __future__ import annotations

from collections.abc import Callable

from bokeh.document import Document


class Soon:
    """Does its work once a little later, however often it is asked for until then.

    A hand that pans, or a cursor on its way, asks sixty times a second.
    """

    def __init__(self, document: Document, work: Callable[[], None], milliseconds: int) -> None:
        self._document, self._work, self._milliseconds = document, work, milliseconds
        self._waiting = False

    def __call__(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._document.add_timeout_callback(self._now, self._milliseconds)

    def changed(self, _attr: str, _old: object, _new: object) -> None:
        """Ask for it where a property of a model has changed."""
        self()

    def _now(self) -> None:
        self._waiting = False
        self._work()
