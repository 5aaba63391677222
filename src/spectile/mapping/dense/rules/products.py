"""Rules for matrix products with weights: Linears, and whatever sums over a whole window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, fx

from spectile.mapping.dense.kernels.convolution import (
    Arrangement,
    Convolution,
    Linear,
    Sliding,
)
from spectile.mapping.dense.kernels.gated_product import GatedProduct
from spectile.mapping.dense.kernels.pointwise import Operand, Pointwise
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.layout import Axis, Layout, Part
from spectile.mapping.dense.lowering import Lowering, Result
from spectile.mapping.dense.values import Gated, Joined, Shared

DIRECTIONS = ("rows", "columns")


def addmm(
    build: Lowering, node: fx.Node, bias: Any, x: Any, weight: Any, **scales: float
) -> Result:
    """A Linear with bias."""
    if scales or not (isinstance(bias, Tensor) and isinstance(weight, Tensor)) or bias.ndim > 1:
        return None
    if isinstance(x, Joined):
        return _summed(build, x, weight, bias)
    return matrix_product(build, x, x.layout.axes[1], weight.t(), bias, (x.layout.axes[0], ()), 1)


def mm(build: Lowering, node: fx.Node, one: Any, other: Any) -> Result:
    """A product with one matrix, on either side."""
    if isinstance(one, Joined):
        return _summed(build, one, other, None) if isinstance(other, Tensor) else None
    if isinstance(other, Tensor):
        axes = one.layout.axes
        return matrix_product(build, one, axes[1], other.t(), None, (axes[0], ()), 1)
    if isinstance(one, Tensor) and not isinstance(other, Joined):
        axes = other.layout.axes
        return matrix_product(build, other, axes[0], one, None, ((), axes[1]), 0)
    return None


def bmm(build: Lowering, node: fx.Node, one: Any, other: Any) -> Result:
    """With one matrix for all windows: a Linear that kept its batch."""
    if isinstance(other, Tensor) and len(other) == 1:
        axes = one.layout.axes
        return matrix_product(build, one, axes[2], other[0].t(), None, (axes[0], axes[1], ()), 2)
    if isinstance(one, Tensor) and len(one) == 1:
        axes = other.layout.axes
        return matrix_product(build, other, axes[1], one[0], None, (axes[0], (), axes[2]), 1)
    return None


def _summed(build: Lowering, x: Joined, weight: Tensor, bias: Tensor | None) -> Shared | None:
    """A Linear over tensors one behind the other: the sum of a Linear over each."""
    total: Shared | None = None
    for part, rows in zip(
        x.parts, torch.split(weight, [p.layout.shape[1] for p in x.parts]), strict=True
    ):
        axes = part.layout.axes
        shift = bias if total is None else None
        term = matrix_product(build, part, axes[1], rows.t(), shift, (axes[0], ()), 1)
        if not isinstance(term, Shared):
            return None
        total = term if total is None else plus(build, total, term)
    return total


def plus(build: Lowering, one: Shared, other: Shared) -> Shared:
    """The sum of two results alike in layout."""
    whole = tuple(range(2, 2 + len(one.layout.stored)))
    arguments = (Operand(0), Operand(1))
    kernel = Pointwise(torch.ops.aten.add.Tensor, arguments, {}, [whole, whole], [])
    return build.emit(kernel, [one, other], one.layout)


def matrix_product(
    build: Lowering,
    x: Shared | Gated,
    parts: Sequence[Part],
    weight: Tensor,
    bias: Tensor | None,
    axes: Sequence[Axis],
    place: int,
) -> Result:
    """Sum over `parts` with a weight (outputs, their product, in any shape).

    The result has `axes`, with the outputs at `place`.
    """
    if any(part.kind == "spread" for part in parts):
        return None
    plain = [part for part in x.layout.stored if part in parts]
    spatial = [part for kind in DIRECTIONS for part in parts if part.kind == kind]
    shaped = weight.reshape(-1, *(part.size for part in parts))
    order = [0, *(1 + list(parts).index(part) for part in (*plain, *spatial))]
    outputs = shaped.shape[0]
    kernel = shaped.permute(order).reshape(outputs, -1, *(part.size for part in spatial))
    out = (Part(outputs),) if outputs > 1 else ()
    if isinstance(x, Gated):
        if set(x.layout.parts) - set(parts) or not spatial or len(plain) < len(x.layout.stored):
            return None
        return _gated(build, x, kernel, bias, _result(x.layout, parts, axes, place, out))
    layout = _result(x.layout, parts, axes, place, out)
    others = [part for part in x.layout.stored if part not in parts]
    if not spatial:
        kept = [0, 1, *(2 + x.layout.stored.index(part) for part in others)]
        taken = [2 + x.layout.stored.index(part) for part in plain]
        return build.emit(Linear(kernel, bias, kept, taken), [x], layout)
    if not others:
        product = WindowProduct(_square(kernel, spatial), bias, x.layout.steps)
        return build.emit(product, [one_axis(x)], layout)
    directions = [DIRECTIONS.index(part.kind) for part in spatial]
    return build.emit(
        Convolution(
            kernel,
            bias,
            arrangement_of(x.layout, others, plain, directions, []),
            Sliding(
                (1,) * len(spatial),
                (0,) * len(spatial),
                tuple(x.layout.steps[direction] for direction in directions),
            ),
            1,
        ),
        [x],
        layout,
    )


def _gated(
    build: Lowering, x: Gated, kernel: Tensor, bias: Tensor | None, layout: Layout
) -> Shared:
    """The sum over the terms, each with its gate."""
    spatial = [part for part in x.layout.parts if part.in_space]
    spatial.sort(key=lambda part: DIRECTIONS.index(part.kind))
    square = _square(kernel, spatial)
    total: Shared | None = None
    whole = tuple(range(2, 2 + len(layout.stored)))
    for features, gate in x.terms:
        steps = features.layout.steps
        flat = one_axis(features)
        if gate is None or not gate.layout.stored:
            term = build.emit(WindowProduct(square, None, steps), [flat], layout)
            if gate is not None:
                # One number a window: it may as well scale the sum.
                orders = [whole, (None,) * len(whole)]
                times = torch.ops.aten.mul.Tensor
                multiply = Pointwise(times, (Operand(0), Operand(1)), {}, orders, [])
                term = build.emit(multiply, [term, gate], layout)
        else:
            scale = gate.at(replace(gate.layout, stored=flat.layout.stored))
            term = build.emit(GatedProduct(square, steps), [flat, scale], layout)
        if total is not None:
            term = plus(build, total, term)
        elif bias is not None:
            shift = bias if layout.stored else bias.reshape(())
            add = torch.ops.aten.add.Tensor
            kernel_ = Pointwise(add, (Operand(0), Operand(1)), {}, [whole], [shift])
            term = build.emit(kernel_, [term], layout)
        total = term
    assert total is not None
    return total


def arrangement_of(
    layout: Layout,
    others: Sequence[Part],
    channels: Sequence[Part],
    directions: Sequence[int],
    depths: Sequence[Part],
) -> Arrangement:
    """Which axes a convolution takes for what: all that it doesn't use goes into its batch."""

    def stored(parts: Sequence[Part]) -> list[int]:
        return [2 + layout.stored.index(part) for part in parts]

    still = [direction for direction in (0, 1) if direction not in directions]
    batch = (*still, *stored(others))
    space = (*directions, *stored(depths))
    # Behind the convolution: batch ..., channels, space ...
    at = {axis: place for place, axis in enumerate(batch)}
    at |= {axis: len(batch) + 1 + place for place, axis in enumerate(space)}
    result = (
        at[0],
        at[1],
        *(at[axis] for axis in stored(others)),
        *(at[a] for a in stored(depths)),
    )
    return Arrangement(batch, tuple(stored(channels)), space, (*result, len(batch)))


def _result(
    layout: Layout, parts: Sequence[Part], axes: Sequence[Axis], place: int, out: Axis
) -> Layout:
    """The layout after a sum over `parts`: outputs at `place`, stored last."""
    steps, extents = list(layout.steps), list(layout.extents)
    for part in parts:
        if part.in_space:
            direction = DIRECTIONS.index(part.kind)
            steps[direction] = extents[direction] = 1
    return Layout(
        (*axes[:place], out, *axes[place + 1 :]),
        (*(part for part in layout.stored if part not in parts), *out),
        (steps[0], steps[1]),
        (extents[0], extents[1]),
    )


def one_axis(x: Shared) -> Shared:
    """With all that is stored in one axis: (rows, columns, C)."""
    return x.at(replace(x.layout, stored=(Part(prod(x.layout.sizes)),)))


def _square(kernel: Tensor, spatial: Sequence[Part]) -> Tensor:
    """(O, C, h, w), with 1 for a direction that the window doesn't extend in."""
    sizes = {part.kind: part.size for part in spatial}
    return kernel.reshape(*kernel.shape[:2], sizes.get("rows", 1), sizes.get("columns", 1))
