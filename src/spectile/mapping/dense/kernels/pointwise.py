"""Elementwise operations on shared tensors whose parts lie in different orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spectile.compat.torch import same_overload
from spectile.mapping.dense.kernels.weights import snapshot

Order = tuple[int | None, ...]
"""For each stored part of the result the operand's axis, None where it repeats."""


@dataclass(frozen=True)
class Operand:
    """The place in the arguments that the n-th tensor fills."""

    place: int


class Pointwise(nn.Module):
    """Calls an elementwise ATen operation on tensors (rows, columns, parts ...)."""

    def __init__(
        self,
        function: Any,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        orders: Sequence[Order],
        constants: Sequence[Tensor],
    ) -> None:
        """`arguments` hold an :class:`Operand` for each tensor: first those given to `forward`,
        with their `orders`, then the `constants`, whose axes are those of the result.
        """
        super().__init__()
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.orders = tuple(orders)
        self.constants = len(constants)
        for place, constant in enumerate(constants):
            self.register_buffer(f"constant{place}", snapshot(constant))
        self.keeps_type = False
        """The result is of the first tensor's type, and may take its place."""
        self.in_place: Any = None

    def forward(self, *tensors: Tensor) -> Tensor:
        operands = [aligned(x, order) for x, order in zip(tensors, self.orders, strict=True)]
        operands += [getattr(self, f"constant{place}") for place in range(self.constants)]
        arguments = [operands[a.place] if isinstance(a, Operand) else a for a in self.arguments]
        function = self.in_place or self.function
        result: Tensor = function(*arguments, **self.keywords)
        return result

    def overwrite(self) -> None:
        """Write the result over the first tensor, where the operation can and the shapes are so."""
        name = self.function.overloadpacket.__name__
        packet = getattr(torch.ops.aten, f"{name}_", None)
        first = self.arguments and self.arguments[0] == Operand(0)
        whole = all(axis is not None for axis in self.orders[0])
        if packet is not None and first and whole and self.keeps_type and not self.keywords:
            self.in_place = same_overload(packet, self.function)


class AlongParts(nn.Module):
    """Softmax, norms, sums and the like: a function over the last of the stored axes."""

    def __init__(
        self, function: Any, order: Sequence[int], merged: int, constants: Sequence[Tensor | None]
    ) -> None:
        """`order` of the axes, of which the last `merged` become one, also where that are none."""
        super().__init__()
        self.function = function
        self.order = tuple(order)
        self.merged = merged
        self.constants = len(constants)
        for place, constant in enumerate(constants):
            self.register_buffer(f"constant{place}", snapshot(constant))

    def forward(self, x: Tensor) -> Tensor:
        ordered = x.permute(self.order)
        if self.merged > 1:
            ordered = ordered.flatten(-self.merged)
        elif not self.merged:
            ordered = ordered.unsqueeze(-1)
        constants = [getattr(self, f"constant{place}") for place in range(self.constants)]
        result: Tensor = self.function(ordered, *constants)
        return result


class Concatenation(nn.Module):
    """Concatenation along a stored axis, of tensors (rows, columns, parts ...)."""

    def __init__(self, orders: Sequence[Sequence[int]], axis: int) -> None:
        """`orders` of each tensor's axes, after which they are alike but for `axis`."""
        super().__init__()
        self.orders = tuple(map(tuple, orders))
        self.axis = axis

    def forward(self, *tensors: Tensor) -> Tensor:
        ordered = [x.permute(order) for x, order in zip(tensors, self.orders, strict=True)]
        # An axis of length 1 is stored as none.
        whole = [x if x.ndim > self.axis else x.unsqueeze(-1) for x in ordered]
        return torch.cat(whole, self.axis)


class Cut(nn.Module):
    """A slice of one axis: a view."""

    def __init__(self, axis: int, start: int, stop: int | None, step: int) -> None:
        super().__init__()
        self.axis = axis
        self.where = slice(start, stop, step)

    def forward(self, x: Tensor) -> Tensor:
        return x[(slice(None),) * self.axis + (self.where,)]


class Filled(nn.Module):
    """The same numbers (parts ...) at every pixel of a tensor."""

    def __init__(self, numbers: Tensor) -> None:
        super().__init__()
        self.register_buffer("numbers", snapshot(numbers))

    def forward(self, x: Tensor) -> Tensor:
        numbers: Tensor = self.get_buffer("numbers")
        return numbers.expand(*x.shape[:2], *numbers.shape)


class Expanded(nn.Module):
    """A gate with every stored part of the features that it scales."""

    def __init__(self, order: Order, sizes: Sequence[int]) -> None:
        super().__init__()
        self.order = order
        self.sizes = tuple(sizes)

    def forward(self, gate: Tensor) -> Tensor:
        return aligned(gate, self.order).expand(*gate.shape[:2], *self.sizes)


def aligned(x: Tensor, order: Order) -> Tensor:
    """The tensor with the result's parts behind rows and columns, in their order."""
    there = [axis for axis in order if axis is not None]
    x = x.permute(0, 1, *there)
    for place, axis in enumerate(order):
        if axis is None:
            x = x.unsqueeze(place + 2)
    return x
