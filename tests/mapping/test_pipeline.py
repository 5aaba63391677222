"""One step ahead and one behind: nothing lost, nothing out of turn, no more at once than said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from spectile.mapping.pipeline import read_ahead, write_behind


def failing_at(bad: int) -> Callable[[int], int]:
    def square(number: int) -> int:
        if number == bad:
            raise OSError(f"no {number}")
        return number**2

    return square


def test_results_come_in_turn_and_no_more_than_one_ahead() -> None:
    begun: list[int] = []
    ahead = threading.Semaphore(0)

    def read(number: int) -> int:
        begun.append(number)
        ahead.release()
        return number

    for used, result in enumerate(read_ahead(read, range(20))):
        assert result == used
        if used < 19:
            for _ in range(2 if used == 0 else 1):
                assert ahead.acquire(timeout=60)
        assert begun == list(range(min(20, used + 2)))


def test_what_reading_raises_comes_after_all_before_it() -> None:
    results = read_ahead(failing_at(3), range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    with pytest.raises(OSError, match="no 3"):
        next(results)
    assert list(read_ahead(failing_at(-1), [])) == []


def test_writing_goes_on_while_the_next_is_made() -> None:
    making, writing = threading.Event(), threading.Event()

    def make() -> Iterator[int]:
        yield 0
        assert writing.wait(10)
        making.set()
        yield 1

    def write(number: int) -> int:
        writing.set()
        assert making.wait(10)
        return number

    assert list(write_behind(write, make())) == [0, 1]


def test_what_was_made_is_written_though_the_next_fails() -> None:
    written: list[int] = []

    def make() -> Iterator[int]:
        yield 0
        yield 1
        raise KeyboardInterrupt

    def write(number: int) -> None:
        time.sleep(0.02)
        written.append(number)

    with pytest.raises(KeyboardInterrupt):
        list(write_behind(write, make()))
    assert written == [0, 1]


def test_what_writing_raises_ends_the_work() -> None:
    made: list[int] = []

    def make() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    with pytest.raises(OSError, match="no 2"):
        list(write_behind(failing_at(2), make()))
    assert max(made) <= 3


def test_stopping_early_leaves_no_thread_behind() -> None:
    results = read_ahead(lambda number: number, range(100))
    next(results)
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read")]
