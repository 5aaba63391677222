"""What computing takes: multiply-adds, and numbers that go through memory, in one measure.

Times are counted in multiply-adds of a large matrix product, and only their proportions matter. On
CPUs elementwise operations, pooling, attention and convolutions of few channels wait for memory, so
that a network may save multiply-adds and no time. docs/benchmarks.md has what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, fx, nn

from spectile.mapping.dense.kernels.convolution import Convolution, Linear
from spectile.mapping.dense.kernels.gated_product import GatedProduct
from spectile.mapping.dense.kernels.pointwise import Cut, Expanded, Filled
from spectile.mapping.dense.kernels.pooling import WindowPool
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.recording import operation_of
from spectile.mapping.dense.shared_tensors import DenseStep

NUMBER = 40.0
"""Multiply-adds in the time that a number takes to be read or written: 40 G to 1 G a second."""
MOVES_NOTHING = {
    *("view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "expand", "permute"),
    *("transpose", "t", "slice", "select", "unbind", "split", "split_with_sizes", "getitem"),
    *("unsafe_split", "unsafe_split_with_sizes", "alias", "detach"),
}
"""Operations that only see numbers otherwise."""


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


def of_operations(nodes: Iterable[fx.Node]) -> float:
    """What a network's operations take on one window of many."""
    return sum(_of_operation(node) for node in nodes if node.op == "call_function")


def of_steps(steps: Sequence[DenseStep], bands: int) -> float:
    """What steps on shared tensors take a pixel."""
    sizes = sizes_of(steps, bands)
    total = 0.0
    for step in steps:
        written = sizes[step.output]
        numbers = written + sum(sizes[value.slot] for value in step.inputs)
        total += _products(step.kernel, written) + NUMBER * _passes(step.kernel) * numbers
    return total


def of_cuts(windows: Iterable[Tensor]) -> float:
    """What it takes to cut these tensors of one window out of shared ones."""
    return sum(2 * NUMBER * window.numel() for window in windows)


def sizes_of(steps: Sequence[DenseStep], bands: int) -> Mapping[int, int]:
    """Numbers a pixel of the shared tensors, by their slots."""
    return {0: bands, **{step.output: math.prod(step.stored) for step in steps}}


def _of_operation(node: fx.Node) -> float:
    if operation_of(node) in MOVES_NOTHING:
        return 0.0
    value = node.meta.get("value")
    written = [value] if isinstance(value, Tensor) else list(value or ())[:1]
    read = [source.meta.get("value") for source in node.all_input_nodes]
    numbers = sum(x.numel() for x in (*read, *written) if isinstance(x, Tensor))
    return multiply_adds(node) + NUMBER * numbers


def _products(kernel: nn.Module, outputs: int) -> int:
    """Multiply-adds a pixel of a step that gives so many numbers."""
    if isinstance(kernel, WindowProduct):
        return kernel.multiply_adds
    if isinstance(kernel, GatedProduct):
        return kernel.rows.numel()
    if isinstance(kernel, Convolution | Linear):
        return outputs * kernel.weight[0].numel()
    return 0


def _passes(kernel: nn.Module) -> float:
    """How often a step goes through what it reads and writes."""
    if isinstance(kernel, Cut | Expanded | Filled):
        return 0.0
    if isinstance(kernel, WindowPool):
        return 1.0 + sum(math.log2(values) for _, values, _ in kernel.spatial)
    return 1.0
