"""Weights of the network that kernels keep."""

from __future__ import annotations

from typing import overload

import torch
from torch import Tensor

from spectile.compat.torch import packed


class Packed:
    """Matrices in the order in which oneDNN multiplies fastest, made when they are first used.

    They can be neither copied nor sent: copies of a kernel make their own.
    """

    def __init__(self) -> None:
        self._made: tuple[object, list[Tensor] | None] | None = None

    def of(self, matrices: Tensor) -> list[Tensor] | None:
        """For each of `matrices` (N, O, K) the packed one; None where oneDNN can't.

        None, too, while operations are recorded for another program, which knows nothing of it.
        """
        if torch.compiler.is_compiling():
            return None
        key = (matrices.dtype, matrices.device)
        if self._made is None or self._made[0] != key:
            made = [packed(matrix) for matrix in matrices]
            whole = [matrix for matrix in made if matrix is not None]
            self._made = (key, whole or None)
        return self._made[1]

    def __reduce__(self) -> tuple[type[Packed], tuple[()]]:
        return Packed, ()


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
