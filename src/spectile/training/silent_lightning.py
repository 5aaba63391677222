"""Lightning's talk of hardware and loaders is for its developers; its errors still come out."""

from __future__ import annotations

import logging
import multiprocessing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("lightning.pytorch", "lightning.fabric")


@contextmanager
def lightning_silenced() -> Iterator[None]:
    """Silence for a while."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            _silence()
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def silence_child() -> None:
    """Silence for good in a process that a fit has spawned, where nothing of it is set."""
    # While it unpickles what it is given, Python doesn't know its parent yet.
    if multiprocessing.current_process().name != "MainProcess":
        _silence()


def _silence() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
