"""What a dense network does layer by layer, and what it saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from torch import Tensor, fx, nn

from spectile.mapping.dense.kernels.gated_product import GatedProduct
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.recording import operation_of
from spectile.mapping.dense.shared_tensors import Gated, Own, Shared

Way = Literal["shared", "gated", "windowed"]


@dataclass(frozen=True)
class PlanRow:
    """One operation that multiplies."""

    layer: str
    operation: str
    way: Way
    """shared: once for all windows; gated: once a window, from shared features; windowed: as in
    the network, on each window of its own."""
    before: int
    """Multiply-adds a pixel of the scene when it is mapped patch by patch."""
    after: int
    """Multiply-adds a pixel as mapped densely, borders left out."""

    @classmethod
    def of(cls, node: fx.Node, value: object, kernels: Sequence[nn.Module]) -> list[Self]:
        """The row of an operation; none for one without multiply-adds."""
        before = multiply_adds(node)
        if not before:
            return []
        layer, operation = node.meta["layer"], operation_of(node)
        if isinstance(value, Own):
            return [cls(layer, operation, "windowed", before, before)]
        gated = any(isinstance(kernel, GatedProduct) for kernel in kernels)
        transforms = [kernel for kernel in kernels if isinstance(kernel, WindowProduct)]
        if transforms:
            after = sum(kernel.multiply_adds for kernel in transforms)
        else:
            assert isinstance(value, Shared | Gated)
            after = before // value.layout.window_size
        return [cls(layer, operation, "gated" if gated else "shared", before, after)]


@dataclass(frozen=True)
class Plan:
    """How a network is mapped; printed, a table."""

    rows: tuple[PlanRow, ...]

    @property
    def before(self) -> int:
        """Multiply-adds a pixel patch by patch."""
        return sum(row.before for row in self.rows)

    @property
    def after(self) -> int:
        """Multiply-adds a pixel densely."""
        return sum(row.after for row in self.rows)

    @property
    def speed_up(self) -> float:
        """What the multiply-adds promise; memory and borders take some of it."""
        return self.before / max(1, self.after)

    @property
    def share(self) -> float:
        """Of the multiply-adds patch by patch, those that windows needn't do for themselves."""
        own = sum(row.before for row in self.rows if row.way == "windowed")
        return 1 - own / max(1, self.before)

    def __str__(self) -> str:
        names = [row.layer or row.operation for row in self.rows]
        wide = max([5, *map(len, names)])
        lines = [f"{'layer':{wide}}  {'way':8}  {'patch by patch':>16}  {'dense':>12}"]
        lines += [
            f"{name:{wide}}  {row.way:8}  {row.before:16,}  {row.after:12,}"
            for name, row in zip(names, self.rows, strict=True)
        ]
        lines.append(f"{'all':{wide}}  {'':8}  {self.before:16,}  {self.after:12,}")
        lines.append(f"Multiply-adds a pixel; {self.speed_up:.0f} times less work.")
        return "\n".join(lines)


def multiply_adds(node: fx.Node) -> int:
    """Of one operation on one window; 0 for what doesn't multiply matrices."""
    name = operation_of(node)
    values: list[Any] = [a.meta["value"] if isinstance(a, fx.Node) else a for a in node.args]
    out = node.meta.get("value")
    if not isinstance(out, Tensor):
        return 0
    if name == "convolution":
        weight = values[1]
        return int(out.numel() * math.prod(weight.shape[1:]))
    matrices = {"mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1}
    if name in matrices:
        return int(out.numel() * values[matrices[name]].shape[-1])
    return 0
