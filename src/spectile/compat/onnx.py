"""Of PyTorch's ONNX exporter: what it says that nobody can act on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("torch.onnx._internal.exporter._registration", "torch.__trace")
"""One misses torchvision, whose operations no network here has; the other writes down every guess
at a size where anybody listens to all that is logged, which takes longer than the export."""
_WARNINGS = (r"`isinstance\(treespec, LeafSpec\)` is deprecated",)
"""Of PyTorch against itself."""


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Without what the exporter says of itself; all other warnings come through."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in _WARNINGS:
                warnings.filterwarnings("ignore", message, FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
