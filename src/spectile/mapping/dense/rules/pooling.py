"""Rules for means, sums, extremes and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import fx, nn

from spectile.mapping.dense.kernels.pooling import PlainPool, Reduction, WindowPool
from spectile.mapping.dense.layout import is_plain, length, slid
from spectile.mapping.dense.lowering import Lowering, Result, per_axis
from spectile.mapping.dense.rules.elementwise import ADD, MULTIPLY, binary
from spectile.mapping.dense.rules.rearranging import begun, merged, pads_window
from spectile.mapping.dense.shared_tensors import Gated, Shared

Bins = Sequence[tuple[int, int, int, int, int]]
"""For each axis that is pooled along: the axis, numbers in a bin, stride, padding, dilation."""


def reduction(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    axes: Sequence[int] | int | None = None,
    keepdim: bool = False,
    *,
    how: Reduction,
    **_: Any,
) -> Shared | Gated | None:
    """Means, sums, maxima or minima over axes."""
    rank = len(x.layout.axes)
    if axes is None or axes == []:
        chosen = list(range(rank))
    else:
        chosen = [axis % rank for axis in ([axes] if isinstance(axes, int) else axes)]
    parts = [part for axis in chosen for part in x.layout.axes[axis]]
    if isinstance(x, Gated):
        if not _follows(x, how) or {part.kind for part in parts} != x.layout.in_space:
            return None
        gated = x.with_features(lambda y: reduction(build, node, y, axes, keepdim, how=how))
        return None if gated is None else _weighted(build, gated)
    if any(part.kind == "spread" for part in parts) or not x.layout.is_whole(parts):
        return None
    directions = sorted(part.direction for part in parts if part.in_space)
    spatial = [(at, x.layout.extents[at], x.layout.steps[at]) for at in directions]
    plain = x.layout.places([part for part in parts if not part.in_space])
    layout = x.layout.reduced(parts)
    if not keepdim:
        layout = layout.permuted([axis for axis in range(rank) if axis not in chosen])
    if not parts:
        return x.at(layout)
    return build.emit(WindowPool(how, spatial, plain), [x], layout, positive=x.positive)


def with_places(
    build: Lowering, node: fx.Node, x: Shared | Gated, *arguments: Any, how: Reduction
) -> Result:
    """Maxima or minima along an axis; nobody can share their places."""
    result = reduction(build, node, x, *arguments, how=how)
    return (result, None) if arguments else result


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
    return (_pooled(build, node, x, size, stride, padding, dilation, ceil, "maximum"), None)


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
    return _pooled(build, node, x, size, stride, padding, (1,), ceil, "mean")


def adaptive_avg_pool(
    build: Lowering, node: fx.Node, x: Shared | Gated, size: Sequence[int]
) -> Result:
    """Average pooling to a given size, in equal bins."""
    return _adaptive(build, node, x, size, "mean")


def adaptive_max_pool(
    build: Lowering, node: fx.Node, x: Shared | Gated, size: Sequence[int]
) -> Result:
    """Max pooling to a given size, in equal bins."""
    return (_adaptive(build, node, x, size, "maximum"), None)


def _adaptive(
    build: Lowering, node: fx.Node, x: Shared | Gated, size: Sequence[int], how: Reduction
) -> Shared | Gated | None:
    lengths = x.layout.shape[-len(size) :]
    if any(there % wanted for there, wanted in zip(lengths, size, strict=True)):
        return None  # bins of different sizes
    bins = [there // wanted for there, wanted in zip(lengths, size, strict=True)]
    return _pooled(build, node, x, bins, bins, (0,), (1,), False, how)


def _pooled(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil: bool,
    how: Reduction,
) -> Shared | Gated | None:
    """Pooling along the last axes."""
    count, rank = len(size), len(x.layout.axes)
    axes = range(rank - count, rank)
    widths = per_axis(padding, count)
    pads_window(build, node, x, [axis for axis, width in zip(axes, widths, strict=True) if width])
    strides, dilations = per_axis(stride or size, count), per_axis(dilation, count)
    bins = list(zip(axes, per_axis(size, count), strides, widths, dilations, strict=True))
    if isinstance(x, Shared):
        return _axis_by_axis(build, x, bins, ceil, how)
    if not _follows(x, how):
        return None

    def pooled(features: Shared) -> Shared | None:
        result = _axis_by_axis(build, features, bins, ceil, how)
        # Along the gate's own parts the gate would have to be pooled as well.
        return result if result and result.layout.sizes == features.layout.sizes else None

    gated = x.with_features(pooled)
    return gated if gated is None or gated.layout.in_space else _weighted(build, gated)


def _axis_by_axis(
    build: Lowering, x: Shared, bins: Bins, ceil: bool, how: Reduction
) -> Shared | None:
    """Along one axis after the other: neither means nor maxima mind."""
    for axis, values, stride, padding, dilation in bins:
        parts = x.layout.axes[axis]
        if padding and not (len(parts) == 1 and parts[0].in_space):
            return None
        steps, rest = divmod(length(parts) + 2 * padding - (values - 1) * dilation - 1, stride)
        if ceil and rest:
            return None  # a last bin that reaches beyond the window
        if values == 1 and (stride == 1 or not parts):
            continue
        if is_plain(parts):
            x = merged(build, x, axis)
            (place,) = x.layout.places(x.layout.axes[axis])
            kernel: nn.Module = PlainPool(how, place, values, stride, dilation)
            layout = x.layout.resized(axis, steps + 1)
        elif len(parts) == 1 and parts[0].in_space:
            x = begun(build, x, axis, stride, padding)
            at = parts[0].direction
            pixels, border = x.layout.steps[at], x.layout.borders[at]
            found = slid(parts[0].size, border, values, stride, padding, dilation)
            if found is None:
                return None
            kernel = WindowPool(how, [(at, values, pixels * dilation)], [])
            layout = x.layout.sampled(axis, found[0], pixels * stride, found[1])
        else:
            return None
        # A bin of one value is the tensor itself.
        fresh = values > 1
        x = build.emit(kernel, [x], layout, positive=x.positive, fresh=fresh)
    return x


def _weighted(build: Lowering, x: Gated) -> Shared:
    """The sum of reduced features times their gates, which then are a pixel's alike."""
    total: Shared | None = None
    for features, gate in x.terms:
        term = features if gate is None else binary(build, MULTIPLY, features, gate)
        total = term if total is None else binary(build, ADD, total, term)
    assert total is not None
    return total


def _follows(x: Gated, how: Reduction) -> bool:
    """It may be taken before the gates: means may, extremes where one gate is never negative."""
    if how in ("mean", "sum"):
        return True
    return len(x.terms) == 1 and (x.terms[0][1] is None or x.terms[0][1].positive)
