"""What a dense network does layer by layer, and what it saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from torch import fx, nn

from spectile.mapping.dense.costs import multiply_adds
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
    cost_before: float = 0.0
    """Time a pixel patch by patch, in multiply-adds, memory traffic included."""
    cost_after: float = 0.0
    """The same densely."""
    cost_own: float = 0.0
    """Of both, what windows compute for themselves."""

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
    def faster(self) -> float:
        """About how many times faster it is with memory traffic counted; borders left out."""
        return self.cost_before / max(1.0, self.cost_after)

    @property
    def share(self) -> float:
        """Of the time patch by patch, what windows needn't compute for themselves."""
        return 1 - self.cost_own / max(1.0, self.cost_before)

    def __str__(self) -> str:
        names = [row.layer or row.operation for row in self.rows]
        wide = max([5, *map(len, names)])
        lines = [f"{'layer':{wide}}  {'way':8}  {'patch by patch':>16}  {'dense':>12}"]
        lines += [
            f"{name:{wide}}  {row.way:8}  {row.before:16,}  {row.after:12,}"
            for name, row in zip(names, self.rows, strict=True)
        ]
        lines.append(f"{'all':{wide}}  {'':8}  {self.before:16,}  {self.after:12,}")
        lines.append(
            f"Multiply-adds a pixel; {_times(self.speed_up)} times less work, "
            f"about {_times(self.faster)} times faster with what memory takes."
        )
        return "\n".join(lines)


def _times(factor: float) -> str:
    return f"{factor:.0f}" if factor >= 10 else f"{factor:.2g}"
