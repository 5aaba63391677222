"""Fingerprints of arrays, and what a network's weights have to be to fit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def sha256(*arrays: NDArray[Any]) -> str:
    """A fingerprint of arrays: dtype, shape and content."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def layout_sha256(weights: Mapping[str, Tensor]) -> str:
    """A fingerprint of the names, shapes and types of weights, whatever their numbers."""
    lines = (f"{name} {_form(tensor)}\n" for name, tensor in sorted(weights.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def first_difference(built: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> str | None:
    """Where the weights of a network as `built` aren't like the `kept` ones, in words."""
    for name, tensor in built.items():
        if name not in kept:
            return f"it has {name}, which the saved one lacks"
        if _form(tensor) != _form(kept[name]):
            return f"its {name} is {_form(tensor)}, the saved one's {_form(kept[name])}"
    lacking = next((name for name in kept if name not in built), None)
    return lacking and f"it lacks {lacking}, which the saved one has"


def _form(tensor: Tensor) -> str:
    size = " x ".join(map(str, tensor.shape)) or "one number"
    return f"{size} of {str(tensor.dtype).removeprefix('torch.')}"
