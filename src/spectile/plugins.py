"""What other packages add by entry points; a broken one costs a line of warning, never the work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Wanted = TypeVar("Wanted")

log = logging.getLogger(__name__)


def installed(group: str, wanted: type[Wanted]) -> Iterator[Wanted]:
    """The objects of type `wanted` that packages offer under the entry point `group`."""
    from importlib.metadata import entry_points  # late: most of what help takes to import it

    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        try:
            found = entry.load()
        except Exception as error:  # somebody else's code: anything can be wrong with it
            _leave_out(entry, f"{type(error).__name__}: {error}")
            continue
        if isinstance(found, wanted):
            yield found
        else:
            _leave_out(entry, f"{entry.value} is no {wanted.__name__}")


def _leave_out(entry: EntryPoint, reason: str) -> None:
    owner = entry.dist.name if entry.dist is not None else entry.value
    first_line = (reason.strip().splitlines() or [""])[0]
    log.warning(
        "the plugin %s of %s is left out (%s): update or remove it.",
        *(entry.name, owner, first_line),
    )
