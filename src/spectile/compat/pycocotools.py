"""Of pycocotools: masks as run-length codes, without a warning for NumPy 2.

What it returns says how it becomes an array in NumPy 1's way alone (seen in 2.0.11).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as _mask

_MESSAGE = "__array__ implementation doesn't accept a copy keyword"


def decoded(code: Mapping[str, Any]) -> NDArray[np.bool_]:
    """The mask (H, W) of a code; one of damaged bytes may be anything, or crash."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_MESSAGE, category=DeprecationWarning)
        return cast(NDArray[np.bool_], _mask.decode(dict(code)).astype(np.bool_))


def encoded(mask: NDArray[np.uint8]) -> dict[str, Any]:
    """The code of a mask (H, W) that lies in memory column by column."""
    return cast(dict[str, Any], _mask.encode(mask))


def of_runs(runs: Sequence[int], height: int, width: int) -> dict[str, Any]:
    """The code of runs of zeros and ones in turn, column by column."""
    plain = {"size": [height, width], "counts": list(runs)}
    return cast(dict[str, Any], _mask.frPyObjects(plain, height, width))


def of_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> dict[str, Any]:
    """The code of what polygons x, y, x, y ... cover together."""
    return cast(dict[str, Any], _mask.merge(_mask.frPyObjects(list(polygons), height, width)))
