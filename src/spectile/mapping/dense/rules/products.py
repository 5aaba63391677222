"""Rules for matrix products with weights: Linears, and whatever sums over a whole window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, fx

from spectile.mapping.dense.kernels.convolution import Arrangement, Convolution, Linear, Sliding
from spectile.mapping.dense.kernels.gated_product import GatedProduct
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.layout import Layout, Part, axis_of
from spectile.mapping.dense.lowering import Lowering, Result
from spectile.mapping.dense.rules.elementwise import ADD, MULTIPLY, binary
from spectile.mapping.dense.shared_tensors import Gated, Joined, Shared


def addmm(
    build: Lowering, node: fx.Node, bias: Any, x: Any, weight: Any, **scales: float
) -> Result:
    """A Linear with bias."""
    if scales or not (isinstance(bias, Tensor) and isinstance(weight, Tensor)) or bias.ndim > 1:
        return None
    if isinstance(x, Joined):
        return _summed(build, x, weight, bias)
    return matrix_product(build, x, [1], weight.t(), bias)


def mm(build: Lowering, node: fx.Node, one: Any, other: Any) -> Result:
    """A product with one matrix, on either side."""
    if isinstance(one, Joined):
        return _summed(build, one, other, None) if isinstance(other, Tensor) else None
    if isinstance(other, Tensor):
        return matrix_product(build, one, [1], other.t(), None)
    if isinstance(one, Tensor) and not isinstance(other, Joined):
        return matrix_product(build, other, [0], one, None)
    return None


def bmm(build: Lowering, node: fx.Node, one: Any, other: Any) -> Result:
    """With one matrix for all windows: a Linear that kept its batch."""
    if isinstance(other, Tensor) and len(other) == 1:
        return matrix_product(build, one, [2], other[0].t(), None)
    if isinstance(one, Tensor) and len(one) == 1:
        return matrix_product(build, other, [1], one[0], None)
    return None


def _summed(build: Lowering, x: Joined, weight: Tensor, bias: Tensor | None) -> Shared | None:
    """A Linear over tensors one behind the other: the sum of a Linear over each."""
    total: Shared | None = None
    sizes = [(part if isinstance(part, Tensor) else part.layout).shape[1] for part in x.parts]
    for part, block in zip(x.parts, torch.split(weight, sizes), strict=True):
        if isinstance(part, Tensor):
            added = (part @ block)[0]
            bias = added if bias is None else bias + added
    for part, block in zip(x.parts, torch.split(weight, sizes), strict=True):
        if isinstance(part, Tensor):
            continue
        shift = bias if total is None else None
        term = matrix_product(build, part, [1], block.t(), shift)
        if not isinstance(term, Shared):
            return None
        total = term if total is None else binary(build, ADD, total, term)
    return total


def matrix_product(
    build: Lowering,
    x: Shared | Gated,
    axes: Sequence[int],
    weight: Tensor,
    bias: Tensor | None,
) -> Shared | None:
    """Sum over `axes` with a weight (outputs, their product, in any shape).

    The outputs are at the first of them.
    """
    parts = [part for axis in axes for part in x.layout.axes[axis]]
    if any(part.kind == "spread" for part in parts) or not x.layout.is_whole(parts):
        return None
    plain = [part for part in x.layout.stored if part in parts]
    spatial = sorted((part for part in parts if part.in_space), key=lambda part: part.direction)
    shaped = weight.reshape(-1, *(part.size for part in parts))
    order = [0, *(1 + parts.index(part) for part in (*plain, *spatial))]
    sizes = [part.size for part in spatial]
    kernel = shaped.permute(order).reshape(len(shaped), -1, *sizes)
    layout = x.layout.reduced(parts).with_axis(axes[0], axis_of(len(kernel)))
    if isinstance(x, Gated):
        if set(x.layout.parts) - set(parts) or not spatial or len(plain) < len(x.layout.stored):
            return None
        return _gated(build, x, _square(kernel, spatial), bias, layout)
    if not spatial:
        return linear(build, x, plain, kernel, bias, layout)
    if len(plain) == len(x.layout.stored):
        product = WindowProduct(_square(kernel, spatial), bias, x.layout.steps)
        return build.emit(product, [one_axis(x)], layout)
    count = len(spatial)
    steps = tuple(x.layout.steps[part.direction] for part in spatial)
    sliding = Sliding((1,) * count, (0,) * count, steps)
    arrangement = arrangement_of(x.layout, plain, spatial)
    return build.emit(Convolution(kernel, bias, arrangement, sliding, 1), [x], layout)


def _gated(
    build: Lowering, x: Gated, kernel: Tensor, bias: Tensor | None, layout: Layout
) -> Shared:
    """The sum over the terms, each with its gate."""
    total: Shared | None = None
    for features, gate in x.terms:
        steps = features.layout.steps
        flat = one_axis(features)
        if gate is None or not gate.layout.stored:
            term = build.emit(WindowProduct(kernel, None, steps), [flat], layout)
            if gate is not None:
                # One number a window: it may as well scale the sum.
                term = binary(build, MULTIPLY, term, gate)
        else:
            scale = gate.at(replace(gate.layout, stored=flat.layout.stored))
            term = build.emit(GatedProduct(kernel, steps), [flat, scale], layout)
        if total is not None:
            term = binary(build, ADD, total, term)
        elif bias is not None:
            term = binary(build, ADD, term, bias if layout.stored else bias.reshape(()))
        total = term
    assert total is not None
    return total


def linear(
    build: Lowering,
    x: Shared,
    parts: Sequence[Part],
    weight: Tensor,
    bias: Tensor | None,
    layout: Layout,
) -> Shared:
    """A matrix (outputs, product of `parts`) over stored parts alone."""
    taken = x.layout.places(parts)
    kept = [axis for axis in range(2 + len(x.layout.stored)) if axis not in taken]
    return build.emit(Linear(weight, bias, kept, taken), [x], layout)


def arrangement_of(layout: Layout, channels: Sequence[Part], slid: Sequence[Part]) -> Arrangement:
    """Which axes a convolution takes for what: all that it doesn't use goes into its batch."""
    taken, space = layout.places(channels), layout.places(slid)
    axes = range(2 + len(layout.stored))
    batch = [axis for axis in axes if axis not in taken and axis not in space]
    # Behind the convolution: batch ..., channels, space ...
    behind = [*batch, None, *space]
    stored = [axis for axis in (*batch, *space) if axis > 1]
    result = [behind.index(axis) for axis in (0, 1, *stored, None)]
    return Arrangement(tuple(batch), tuple(taken), tuple(space), tuple(result))


def one_axis(x: Shared) -> Shared:
    """With all that is stored in one axis: (rows, columns, C)."""
    return x.at(replace(x.layout, stored=(Part(prod(x.layout.sizes)),)))


def _square(kernel: Tensor, spatial: Sequence[Part]) -> Tensor:
    """(O, C, h, w), with 1 for a direction that the window doesn't extend in."""
    sizes = {part.kind: part.size for part in spatial}
    return kernel.reshape(*kernel.shape[:2], sizes.get("rows", 1), sizes.get("columns", 1))
