"""Progress bars for what takes longer than a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def pixels_bar(
    text: str, *, quiet: bool, then: str | None = None
) -> Iterator[Callable[[int, int], None] | None]:
    """A bar over pixels with the time left; gives the function to call with (done, in all).

    What is done `then`, after the last pixel, shows until the block ends.
    """
    if quiet:
        yield None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(text), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, transient=True)
    rest = bar.console.status(then or "")

    def update(done: int, total: int) -> None:
        # Started by the first report and stopped by the last: a fit between two maps has its own.
        if bar.finished:
            bar.add_task("", total=total)
            bar.start()
        bar.update(bar.task_ids[-1], completed=done)
        if done == total:
            bar.stop()
            if then:
                rest.start()

    try:
        yield update
    finally:
        rest.stop()
        bar.stop()
