"""Rules for means, sums, maxima and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import fx

from spectile.mapping.dense.kernels.pointwise import Operand, Pointwise
from spectile.mapping.dense.kernels.pooling import PlainPool, WindowMaximum, WindowMean
from spectile.mapping.dense.layout import Axis, Layout, Part, length
from spectile.mapping.dense.lowering import Lowering, Result
from spectile.mapping.dense.rules.rearranging import along, merged, refuse_border, shape_of
from spectile.mapping.dense.values import Gated, Shared


def mean(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    axes: Sequence[int] | int | None = None,
    keepdim: bool = False,
    **_: Any,
) -> Result:
    """Means over axes."""
    return _reduced(build, x, axes, keepdim, "mean")


def total(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    axes: Sequence[int] | int | None = None,
    keepdim: bool = False,
    **_: Any,
) -> Result:
    """Sums over axes."""
    return _reduced(build, x, axes, keepdim, "sum")


def maximum(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    axes: Sequence[int] | int | None = None,
    keepdim: bool = False,
) -> Result:
    """Maxima over axes."""
    return _reduced(build, x, axes, keepdim, "maximum")


def maximum_with_places(
    build: Lowering, node: fx.Node, x: Shared | Gated, *arguments: Any
) -> Result:
    """Maxima along an axis; nobody can share the places of the maxima."""
    if not arguments:
        return _reduced(build, x, None, False, "maximum")
    result = _reduced(build, x, arguments[0], len(arguments) > 1 and arguments[1], "maximum")
    return (result if isinstance(result, Shared | Gated) else None, None)


def max_pool(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil: bool = False,
) -> Result:
    """Max pooling; nobody can share the places of the maxima."""
    axes = len(node.meta["value"][0].shape) - 1
    return (_pooled(build, node, x, axes, size, stride, padding, dilation, ceil, mean=False), None)


def avg_pool(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> Result:
    """Average pooling."""
    if divisor is not None:
        return None
    axes = len(shape_of(node)) - 1
    return _pooled(build, node, x, axes, size, stride, padding, (1,), ceil, mean=True)


def adaptive_avg_pool(
    build: Lowering, node: fx.Node, x: Shared | Gated, size: Sequence[int]
) -> Result:
    """Average pooling to a given size, in equal bins."""
    return _adaptive(build, node, x, size, mean=True)


def adaptive_max_pool(
    build: Lowering, node: fx.Node, x: Shared | Gated, size: Sequence[int]
) -> Result:
    """Max pooling to a given size, in equal bins."""
    pooled = _adaptive(build, node, x, size, mean=False)
    return (pooled, None)


def _adaptive(
    build: Lowering, node: fx.Node, x: Shared | Gated, size: Sequence[int], *, mean: bool
) -> Shared | Gated | None:
    lengths = x.layout.shape[-len(size) :]
    if any(there % wanted for there, wanted in zip(lengths, size, strict=True)):
        return None  # bins of different sizes
    bins = [there // wanted for there, wanted in zip(lengths, size, strict=True)]
    axes = len(x.layout.axes) - 1
    return _pooled(build, node, x, axes, bins, bins, (0,), (1,), False, mean=mean)


def _pooled(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    last: int,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil: bool,
    *,
    mean: bool,
) -> Shared | Gated | None:
    """Pooling along the last axes, one after the other: neither means nor maxima mind."""
    count = len(size)
    padding, dilation = _each(padding, count), _each(dilation, count)
    stride = _each(stride, count) if stride else list(size)
    axes = [last - count + 1 + place for place in range(count)]
    padded = [axis for axis, width in zip(axes, padding, strict=True) if width]
    refuse_border(node, x, padded, "pads its window in space")
    if padded:
        return None
    if isinstance(x, Gated):
        if not mean and not _follows(x):
            return None
        terms = []
        for features, gate in x.terms:
            part = _pooled(
                build, node, features, last, size, stride, padding, dilation, ceil, mean=mean
            )
            if not isinstance(part, Shared) or part.layout.sizes != features.layout.sizes:
                return None
            terms.append((part, gate))
        return Gated(tuple(terms)) if terms[0][0].layout.in_space else _weighted(build, terms)
    for axis, values, step, apart in zip(axes, size, stride, dilation, strict=True):
        there = length(x.layout.axes[axis])
        reach = (values - 1) * apart + 1
        outputs = (there - reach) // step + 1
        if ceil and (there - reach) % step:
            return None  # a last bin that reaches beyond the window
        pooled = _pooled_along(build, x, axis, values, step, apart, outputs, mean)
        if pooled is None:
            return None
        x = pooled
    return x


def _pooled_along(
    build: Lowering,
    x: Shared,
    axis: int,
    values: int,
    stride: int,
    dilation: int,
    outputs: int,
    mean: bool,
) -> Shared | None:
    parts = x.layout.axes[axis]
    if values == 1 and (stride == 1 or not parts):
        return x
    kinds = {part.kind for part in parts}
    if kinds == {"plain"}:
        x = merged(build, x, axis)
        (part,) = x.layout.axes[axis]
        place = x.layout.stored.index(part)
        left = Part(outputs) if outputs > 1 else None
        axes = (*x.layout.axes[:axis], (left,) if left else (), *x.layout.axes[axis + 1 :])
        stored = (
            *x.layout.stored[:place],
            *([left] if left else []),
            *x.layout.stored[place + 1 :],
        )
        kernel = PlainPool(2 + place, values, stride, dilation, mean=mean)
        layout = replace(x.layout, axes=axes, stored=stored)
        return build.emit(kernel, [x], layout, positive=x.positive)
    if len(parts) == 1 and parts[0].in_space:
        direction = 0 if parts[0].kind == "rows" else 1
        step = x.layout.steps[direction]
        spatial = [(direction, values, step * dilation)]
        pool = WindowMean(spatial, []) if mean else WindowMaximum(spatial, [])
        layout = along(x.layout, axis, direction, outputs, step * stride)
        # A window of one value is the tensor itself.
        return build.emit(pool, [x], layout, positive=x.positive, fresh=values > 1)
    return None


def _reduced(
    build: Lowering,
    x: Shared | Gated,
    axes: Sequence[int] | int | None,
    keepdim: bool,
    how: str,
) -> Shared | Gated | None:
    rank = len(x.layout.axes)
    if axes is None or axes == []:
        chosen = list(range(rank))
    else:
        chosen = [axis % rank for axis in ([axes] if isinstance(axes, int) else axes)]
    if isinstance(x, Gated):
        gone = {part.kind for axis in chosen for part in x.layout.axes[axis]}
        if (how == "maximum" and not _follows(x)) or gone != x.layout.in_space:
            return None
        terms = []
        for features, gate in x.terms:
            part = _reduced(build, features, axes, keepdim, how)
            assert isinstance(part, Shared)
            terms.append((part, gate))
        return _weighted(build, terms)
    parts = [part for axis in chosen for part in x.layout.axes[axis]]
    if any(part.kind == "spread" for part in parts):
        return None
    spatial = [
        (direction, x.layout.extents[direction], x.layout.steps[direction])
        for direction, kind in enumerate(("rows", "columns"))
        if any(part.kind == kind for part in parts)
    ]
    plain = [2 + x.layout.stored.index(part) for part in parts if part.kind == "plain"]
    layout = _emptied(x.layout, chosen, [direction for direction, _, _ in spatial], keepdim)
    if not spatial and not plain:
        return x.at(layout)
    kernel = (
        WindowMaximum(spatial, plain)
        if how == "maximum"
        else WindowMean(spatial, plain, mean=how == "mean")
    )
    return build.emit(kernel, [x], layout, positive=x.positive)


def _emptied(
    layout: Layout, chosen: Sequence[int], directions: Sequence[int], keepdim: bool
) -> Layout:
    """The layout after axes were reduced to one number."""
    axes: list[Axis] = []
    for place, axis in enumerate(layout.axes):
        if place not in chosen:
            axes.append(axis)
        elif keepdim:
            axes.append(())
    steps, extents = list(layout.steps), list(layout.extents)
    for direction in directions:
        steps[direction] = extents[direction] = 1
    return replace(layout, steps=(steps[0], steps[1]), extents=(extents[0], extents[1])).with_axes(
        axes
    )


def _weighted(build: Lowering, terms: Sequence[tuple[Shared, Shared | None]]) -> Shared:
    """The sum of reduced features times their gates, which then are a pixel's alike."""
    result: Shared | None = None
    for features, gate in terms:
        if gate is not None:
            features = _combined(build, torch.ops.aten.mul.Tensor, features, gate)
        result = (
            features
            if result is None
            else _combined(build, torch.ops.aten.add.Tensor, result, features)
        )
    assert result is not None
    return result


def _combined(build: Lowering, function: Any, one: Shared, other: Shared) -> Shared:
    stored = len(one.layout.stored)
    whole = tuple(range(2, 2 + stored))
    # The gate has all of the features' parts, in their order, or none.
    order = whole if other.layout.stored else (None,) * stored
    if other.layout.stored:
        other = other.at(replace(other.layout, stored=one.layout.stored))
    kernel = Pointwise(function, (Operand(0), Operand(1)), {}, [whole, order], [])
    positive = one.positive and other.positive
    return build.emit(kernel, [one, other], one.layout, positive=positive)


def _follows(x: Gated) -> bool:
    """A maximum of gated features is the gated maximum: one gate that is never negative."""
    return len(x.terms) == 1 and (x.terms[0][1] is None or x.terms[0][1].positive)


def _each(numbers: Sequence[int], count: int) -> list[int]:
    return list(numbers) * count if len(numbers) == 1 else list(numbers)
