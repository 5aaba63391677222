"""Weights of the network that kernels keep."""

from __future__ import annotations

from typing import overload

from torch import Tensor


@overload
def snapshot(weight: Tensor) -> Tensor: ...
@overload
def snapshot(weight: None) -> None: ...
def snapshot(weight: Tensor | None) -> Tensor | None:
    """A copy of its own: the network may be trained on."""
    return None if weight is None else weight.detach().clone()
