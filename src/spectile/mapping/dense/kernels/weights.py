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


def scaled(
    weight: Tensor, bias: Tensor | None, scale: Tensor, shift: Tensor
) -> tuple[Tensor, Tensor]:
    """Weight (O, ...) and bias with y * scale + shift taken in.

    Scale and shift repeat where O is a multiple of their number: a matrix of depths has the
    channels once a depth.
    """
    depths = len(weight) // len(scale)
    scale, shift = scale.repeat(depths), shift.repeat(depths)
    weight = weight * scale.view(-1, *[1] * (weight.ndim - 1))
    return weight, shift if bias is None else bias * scale + shift
