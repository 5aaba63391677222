"""Reading, computing and writing at the same time, one step ahead and one behind."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(read: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    """Give `read` of each item; the next one is read in a thread while the last is in use.

    Two results exist at a time. What `read` raises comes out in its turn, after the results of
    all items before.
    """
    with ThreadPoolExecutor(1, "read") as thread:
        last = None
        for item in items:
            following = thread.submit(read, item)
            if last is not None:
                yield last.result()
            last = following
        if last is not None:
            yield last.result()


def write_behind(write: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    """Call `write` on each item, in a thread while the next item is made, and give its results.

    What `write` raises comes out before another item is written. When making an item fails, those
    made before are still written.
    """
    with ThreadPoolExecutor(1, "write") as thread:
        last = None
        for item in items:
            if last is not None:
                yield last.result()
            last = thread.submit(write, item)
        if last is not None:
            yield last.result()
