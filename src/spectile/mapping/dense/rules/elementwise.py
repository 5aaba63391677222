"""Rules for elementwise operations, and for the gates that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx

from spectile.mapping.dense.kernels.pointwise import Expanded, Operand, Order, Pointwise
from spectile.mapping.dense.layout import Axis, Layout, Part, length, refined
from spectile.mapping.dense.lowering import Lowering, Result, tensors_among
from spectile.mapping.dense.rules.rearranging import same_windows, shape_of
from spectile.mapping.dense.values import Gated, Joined, Shared

POSITIVE = {"sigmoid", "relu", "hardsigmoid", "exp", "abs", "square", "relu6"}
KEEPS_POSITIVE = {"mul", "add", "div", "sqrt", "_to_copy", "maximum", "minimum"}
UNTAGGED = {"_to_copy", "_prelu_kernel", "hardswish", "rsub"}
"""Elementwise though ATen doesn't say so."""
SCALES = {"relu", "leaky_relu", "_prelu_kernel"}
"""f(g x) = g f(x) for every g that is not negative."""


def pointwise(build: Lowering, node: fx.Node, *arguments: Any, **keywords: Any) -> Result:
    """Any operation that ATen tags as pointwise; others are left to each window."""
    name = node.target.overloadpacket.__name__  # type: ignore[union-attr]
    if name == "_to_copy":
        keywords = {key: value for key, value in keywords.items() if key == "dtype"}
    if torch.Tag.pointwise not in node.target.tags and name not in UNTAGGED:  # type: ignore[union-attr]
        return None
    tensors = tensors_among(arguments)
    if tensors_among(keywords):
        return None
    if name == "_to_copy" and not keywords:
        return arguments[0]  # type: ignore[no-any-return]
    if any(isinstance(x, Joined) for x in tensors):
        return _on_joined(build, node, arguments, keywords, tensors)
    if any(isinstance(x, Gated) for x in tensors):
        return None if keywords else _on_gated(build, node, name, arguments, tensors)
    shared = [_whole(x) for x in tensors if isinstance(x, Shared)]
    if any(x is None for x in shared):
        return None
    present = [x for x in shared if x is not None]
    reach = max((x.layout for x in present), key=lambda layout: len(layout.in_space))
    if not all(same_windows(x.layout, reach) for x in present):
        return _gate(build, node, name, tensors, present)
    return _combined(build, node, name, arguments, keywords, tensors, shape_of(node))


def _combined(
    build: Lowering,
    node: fx.Node,
    name: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    tensors: Sequence[Any],
    shape: Sequence[int],
) -> Shared | None:
    """Tensors with the same windows: the operation once for all."""
    shared = [_with_rank(_whole(x), len(shape)) for x in tensors if isinstance(x, Shared)]
    constants = [x for x in tensors if isinstance(x, Tensor)]
    stand_ins = [_stand_in(c, len(shape)) for c in constants]
    whole = [*(x.layout for x in shared), *stand_ins]
    known = [layout.axes for layout in whole]
    cut = refined(whole)
    if cut is None:
        return None
    layouts, fixed = cut[: len(shared)], cut[len(shared) :]
    axes: list[Axis] = []
    for place in range(len(layouts[0].axes)):
        mine = [layout.axes[place] for layout in layouts if layout.axes[place]]
        if len({axis[0].kind for axis in mine}) > 1:
            return None  # rows of one tensor against columns of another
        others = [layout.axes[place] for layout in fixed if layout.axes[place]]
        if mine and others and mine[0][0].kind != "plain":
            return None  # a number for each place in the window
        axes.append(mine[0] if mine else ((Part(others[0][0].size),) if others else ()))
    stored = _storage(axes, layouts)
    orders = [_order(layout, axes, stored) for layout in layouts]
    values = [
        _laid_out(c, layout, axes, stored) for c, layout in zip(constants, fixed, strict=True)
    ]
    inputs = [x.at(layout) for x, layout in zip(shared, layouts, strict=True)]
    template = _template(arguments)
    positive = name in POSITIVE or (
        name in KEEPS_POSITIVE
        and not constants
        and not keywords
        and all(x.positive for x in inputs)
        and not any(isinstance(a, int | float) and a < 0 for a in arguments)
    )
    lengths = [max(map(length, parts)) for parts in zip(*known, strict=True)]
    layout = replace(layouts[0], axes=tuple(axes), stored=tuple(stored)).reshaped(lengths)
    assert layout is not None
    ends = [
        axis if length(axis) == size else (Part(size, "spread"),)
        for axis, size in zip(layout.axes, shape, strict=True)
    ]
    layout = replace(layout, axes=tuple(ends))
    kernel = Pointwise(node.target, template, keywords, orders, values)
    first = node.args[0]
    kernel.keeps_type = (
        isinstance(first, fx.Node)
        and isinstance(first.meta["value"], Tensor)
        and first.meta["value"].dtype == node.meta["value"].dtype
    )
    return build.emit(kernel, inputs, layout, positive=positive)


def _on_joined(
    build: Lowering,
    node: fx.Node,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    tensors: Sequence[Any],
) -> Joined | None:
    """An operation on one tensor, part by part."""
    if len(tensors) > 1 or not isinstance(arguments[0], Joined):
        return None
    name = node.target.overloadpacket.__name__  # type: ignore[union-attr]
    parts = []
    for part in arguments[0].parts:
        rest = (part, *arguments[1:])
        done = (
            _on_gated(build, node, name, rest, [part])
            if isinstance(part, Gated)
            else _combined(build, node, name, rest, keywords, [part], part.layout.shape)
        )
        if done is None:
            return None
        parts.append(done)
    return Joined(tuple(parts))


def _gate(
    build: Lowering, node: fx.Node, name: str, tensors: Sequence[Any], shared: Sequence[Shared]
) -> Gated | None:
    """Features times numbers that are the window's own."""
    if name != "mul" or len(tensors) != 2 or len(shared) != 2:
        return None
    features, gate = sorted(shared, key=lambda x: -len(x.layout.in_space))
    if gate.layout.in_space:
        return None
    shape = shape_of(node)
    if features.layout.shape != shape[len(shape) - len(features.layout.shape) :]:
        return None
    features, gate = _with_rank(features, len(shape)), _with_rank(gate, len(shape))
    return _gated(build, features, gate)


def _gated(build: Lowering, features: Shared, gate: Shared) -> Gated | None:
    cut = refined([features.layout, gate.layout])
    if cut is None:
        return None
    shape = features.layout.shape
    if not gate.layout.stored:
        return Gated(((features, gate),))
    order = _order(cut[1], cut[0].axes, list(cut[0].stored))
    sizes = cut[0].sizes
    layout = Layout((cut[0].stored,), cut[0].stored)
    whole = build.emit(Expanded(order, sizes), [gate.at(cut[1])], layout, fresh=False)
    back = cut[0].reshaped(shape)
    assert back is not None
    return Gated(((features.at(back), replace(whole, positive=gate.positive)),))


def _on_gated(
    build: Lowering, node: fx.Node, name: str, arguments: tuple[Any, ...], tensors: Sequence[Any]
) -> Gated | None:
    """What leaves a sum of gated features one."""
    first = tensors[0]
    if len(tensors) == 1 and isinstance(first, Gated):
        (term, *more) = first.terms
        if name in SCALES and not more and (term[1] is None or term[1].positive):
            rest, shape = (term[0], *arguments[1:]), term[0].layout.shape
            features = _combined(build, node, name, rest, {}, [term[0]], shape)
            return None if features is None else Gated(((features, term[1]),))
        return None
    if len(tensors) != 2 or len(arguments) > 2 or name not in ("add", "mul"):
        return None
    one, other = tensors
    if name == "add":
        terms = [*_terms(one), *_terms(other)]
        layouts = [features.layout for features, _ in terms]
        if not terms or not _terms(one) or not _terms(other) or not _alike(layouts):
            return None
        return Gated(tuple(terms))
    return None


def _terms(x: Any) -> tuple[tuple[Shared, Shared | None], ...]:
    if isinstance(x, Gated):
        return x.terms
    return ((x, None),) if isinstance(x, Shared) else ()


def _alike(layouts: Sequence[Layout]) -> bool:
    """Same windows, and the same axes stored in the same order."""
    first = layouts[0]

    def arrangement(layout: Layout) -> list[tuple[int, int]]:
        places = {
            part: (axis, place)
            for axis, parts in enumerate(layout.axes)
            for place, part in enumerate(parts)
        }
        return [places[part] for part in layout.stored]

    return all(
        same_windows(layout, first)
        and [[p.size for p in axis] for axis in layout.axes]
        == [[p.size for p in axis] for axis in first.axes]
        and arrangement(layout) == arrangement(first)
        for layout in layouts
    )


def _whole(x: Shared) -> Shared | None:
    """Without spread parts: they broadcast again."""
    axes = []
    for axis in x.layout.axes:
        kinds = {part.kind for part in axis}
        if "spread" in kinds and len(kinds) > 1:
            return None
        axes.append(() if "spread" in kinds else axis)
    return x.at(replace(x.layout, axes=tuple(axes)))


def _with_rank(x: Any, rank: int) -> Shared:
    missing = rank - len(x.layout.axes)
    return x.at(replace(x.layout, axes=((),) * missing + x.layout.axes))  # type: ignore[no-any-return]


def _stand_in(constant: Tensor, rank: int) -> Layout:
    """The layout of a constant, as if its axes were parts."""
    shape = (1,) * (rank - constant.ndim) + tuple(constant.shape)
    axes = tuple((Part(size),) if size > 1 else () for size in shape)
    return Layout(axes, tuple(part for axis in axes for part in axis))


def _storage(axes: Sequence[Axis], layouts: Sequence[Layout]) -> list[Part]:
    """Plain parts in the order of the operand that has most of them; new ones last."""
    fullest = max(layouts, key=lambda layout: len(layout.stored))
    place = {part: at for at, axis in enumerate(fullest.axes) for part in axis}
    known = [axes[place[part]][0] for part in fullest.stored]
    known += [axis[0] for axis in axes if axis and axis[0].kind == "plain" and axis[0] not in known]
    return known


def _order(layout: Layout, axes: Sequence[Axis], stored: Sequence[Part]) -> Order:
    """For each stored part of the result the operand's axis."""
    at = {axis[0]: place for place, axis in enumerate(axes) if axis}
    order: list[int | None] = []
    for part in stored:
        mine = layout.axes[at[part]]
        order.append(2 + layout.stored.index(mine[0]) if mine else None)
    return tuple(order)


def _laid_out(
    constant: Tensor, layout: Layout, axes: Sequence[Axis], stored: Sequence[Part]
) -> Tensor:
    """A constant with the result's stored axes behind rows and columns."""
    constant = constant.reshape(layout.shape)
    at = [place for part in stored for place, axis in enumerate(axes) if axis and axis[0] is part]
    rest = [place for place in range(constant.ndim) if place not in at]
    sizes = [constant.shape[place] for place in at]
    return constant.permute([*rest, *at]).reshape([1, 1, *sizes] if constant.ndim else [])


def _template(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with places: shared tensors are counted first, then constants."""
    shared = sum(isinstance(a, Shared) for a in arguments)
    counts = {"shared": 0, "constant": shared}
    result = []
    for argument in arguments:
        kind = "shared" if isinstance(argument, Shared) else "constant"
        if isinstance(argument, Shared | Tensor):
            result.append(Operand(counts[kind]))
            counts[kind] += 1
        else:
            result.append(argument)
    return tuple(result)
