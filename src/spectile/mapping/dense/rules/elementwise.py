"""Rules for elementwise operations, and for the gates that they make."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx

from spectile.mapping.dense.kernels.pointwise import Expanded, Operand, Order, Pointwise
from spectile.mapping.dense.layout import Axis, Layout, axis_of, is_plain, refined
from spectile.mapping.dense.lowering import Lowering, Result, tensors_among
from spectile.mapping.dense.recording import operation_of, shape_of
from spectile.mapping.dense.rules.rearranging import cropped_alike, same_windows
from spectile.mapping.dense.shared_tensors import Gated, Joined, Shared

ADD, MULTIPLY = torch.ops.aten.add.Tensor, torch.ops.aten.mul.Tensor
POSITIVE = {"sigmoid", "relu", "hardsigmoid", "exp", "abs"}
KEEPS_POSITIVE = {"mul", "add", "div", "sqrt", "_to_copy", "maximum", "minimum"}
UNTAGGED = {"_to_copy", "_prelu_kernel", "hardswish", "rsub"}
"""Elementwise though ATen doesn't say so."""
SCALES = {"relu", "leaky_relu"}
"""f(g x) = g f(x) for every g that is not negative."""


def pointwise(build: Lowering, node: fx.Node, *arguments: Any, **keywords: Any) -> Result:
    """Any operation that ATen tags as pointwise; others are left to each window."""
    name = operation_of(node)
    if name == "_to_copy":
        keywords = {key: value for key, value in keywords.items() if key == "dtype"}
    if torch.Tag.pointwise not in node.target.tags and name not in UNTAGGED:  # type: ignore[union-attr]
        return None
    if tensors_among(keywords):
        return None
    if name == "_to_copy" and not keywords:
        return arguments[0]  # type: ignore[no-any-return]
    tensors = tensors_among(arguments)
    if any(isinstance(x, Joined) for x in tensors):
        return _on_joined(build, node, arguments, keywords)
    if any(isinstance(x, Gated) for x in tensors):
        return None if keywords else _on_gated(build, node, arguments)
    alike = cropped_alike(build, [x for x in tensors if isinstance(x, Shared)])
    if alike is None:
        return None
    arguments, tensors = _instead(arguments, alike), list(_instead(tensors, alike))
    layouts = [x.layout for x in alike]
    widest = max(layouts, key=lambda layout: len(layout.in_space))
    if all(same_windows(layout, widest) for layout in layouts):
        return _combined(build, node, arguments, keywords, shape_of(node))
    return _gated(build, node, tensors)


def _instead(arguments: Iterable[Any], shared: Sequence[Shared]) -> tuple[Any, ...]:
    """The arguments with other shared tensors, in their order."""
    left = iter(shared)
    return tuple(next(left) if isinstance(a, Shared) else a for a in arguments)


def binary(build: Lowering, function: Any, one: Shared, other: Shared | Tensor) -> Shared:
    """A function of `one` and a constant, a tensor alike in layout, or one number a window."""
    whole = tuple(range(2, 2 + len(one.layout.stored)))
    operands = (Operand(0), Operand(1))
    if isinstance(other, Tensor):
        return build.emit(Pointwise(function, operands, {}, [whole], [other]), [one], one.layout)
    order: Order = (None,) * len(whole)
    if other.layout.stored:
        order, other = whole, other.at(replace(other.layout, stored=one.layout.stored))
    kernel = Pointwise(function, operands, {}, [whole, order], [])
    positive = one.positive and other.positive
    return build.emit(kernel, [one, other], one.layout, positive=positive)


def _combined(
    build: Lowering,
    node: fx.Node,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    shape: Sequence[int],
) -> Shared | None:
    """Tensors with the same windows: the operation once for all."""
    tensors = tensors_among(arguments)
    shared = _unspread(tensors)
    if shared is None:
        return None
    whole = [x.layout.with_rank(len(shape)) for x in shared]
    constants = [_once(x, whole) for x in tensors if isinstance(x, Tensor)]
    whole += [_stand_in(constant, len(shape)) for constant in constants]
    cut = refined(whole)
    if cut is None:
        return None
    layouts, fixed = cut[: len(shared)], cut[len(shared) :]
    axes = _broadcast(layouts, fixed)
    if axes is None:
        return None
    stored = _storage(axes, layouts)
    orders = [_order(layout, stored) for layout in layouts]
    values = [_laid_out(c, layout, stored) for c, layout in zip(constants, fixed, strict=True)]
    kernel = Pointwise(node.target, _template(arguments), keywords, orders, values)
    first = node.args[0]
    kernel.keeps_type = (
        isinstance(first, fx.Node)
        and isinstance(first.meta["value"], Tensor)
        and first.meta["value"].dtype == node.meta["value"].dtype
    )
    lengths = [max(sizes) for sizes in zip(*(layout.shape for layout in whole), strict=True)]
    parts = tuple(axes[place][0] for place in stored)
    layout = replace(layouts[0], axes=tuple(axes), stored=parts).reshaped(lengths)
    assert layout is not None
    inputs = [x.at(layout) for x, layout in zip(shared, layouts, strict=True)]
    positive = _is_positive(operation_of(node), (*arguments, *keywords.values()))
    return build.emit(kernel, inputs, layout.expanded(shape), positive=positive)


def _is_positive(name: str, arguments: Sequence[Any]) -> bool:
    """Whether an operation gives no number below 0, as far as is known."""
    kept = all(
        a.positive if isinstance(a, Shared) else isinstance(a, int | float) and a >= 0
        for a in arguments
    )
    return name in POSITIVE or (name in KEEPS_POSITIVE and kept)


def _broadcast(shared: Sequence[Layout], constants: Sequence[Layout]) -> list[Axis] | None:
    """The result's axes, each of the first operand that isn't of length 1 there."""
    axes = []
    for place in range(len(shared[0].axes)):
        mine = [layout.axes[place] for layout in shared if layout.axes[place]]
        others = [layout.axes[place] for layout in constants if layout.axes[place]]
        if len({axis[0].kind for axis in mine}) > 1:
            return None  # rows of one tensor against columns of another
        if mine and others and mine[0][0].in_space:
            return None  # a number for each place in the window
        axes.append([*mine, *others, ()][0])
    return axes


def _on_joined(
    build: Lowering, node: fx.Node, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Joined | None:
    """An operation on one tensor, part by part."""
    if len(tensors_among(arguments)) > 1 or not isinstance(arguments[0], Joined):
        return None
    parts: list[Shared | Gated | Tensor] = []
    for part in arguments[0].parts:
        rest = (part, *arguments[1:])
        if isinstance(part, Tensor):
            parts.append(node.target(*rest, **keywords))  # type: ignore[operator]
            continue
        done = (
            _on_gated(build, node, rest)
            if isinstance(part, Gated)
            else _combined(build, node, rest, keywords, part.layout.shape)
        )
        if done is None:
            return None
        parts.append(done)
    return Joined(tuple(parts))


def _gated(build: Lowering, node: fx.Node, tensors: Sequence[Any]) -> Gated | None:
    """Features times numbers that are the window's own."""
    shared = _unspread(tensors)
    if operation_of(node) != "mul" or shared is None or not len(shared) == len(tensors) == 2:
        return None
    features, gate = sorted(shared, key=lambda x: -len(x.layout.in_space))
    sizes, shape = features.layout.shape, shape_of(node)
    if gate.layout.in_space or sizes != shape[len(shape) - len(sizes) :]:
        return None
    features, gate = (x.at(x.layout.with_rank(len(shape))) for x in (features, gate))
    cut = refined([features.layout, gate.layout])
    if cut is None:
        return None
    if not gate.layout.stored:
        return Gated(((features, gate),))
    fine, coarse = cut
    layout = Layout((fine.stored,), fine.stored)
    kernel = Expanded(_order(coarse, _stored_axes(fine)), fine.sizes)
    whole = build.emit(kernel, [gate.at(coarse)], layout, positive=gate.positive, fresh=False)
    back = fine.reshaped(features.layout.shape)
    assert back is not None
    return Gated(((features.at(back), whole),))


def _on_gated(build: Lowering, node: fx.Node, arguments: tuple[Any, ...]) -> Gated | None:
    """What leaves a sum of gated features one."""
    tensors, name = tensors_among(arguments), operation_of(node)
    if len(tensors) == 1 and name in SCALES:
        ((features, gate), *more) = tensors[0].terms
        if more or not (gate is None or gate.positive):
            return None
        rest = (features, *arguments[1:])
        scaled = _combined(build, node, rest, {}, features.layout.shape)
        return None if scaled is None else Gated(((scaled, gate),))
    sides = [_terms(x) for x in tensors]
    if len(sides) != 2 or name != "add" or not all(sides):
        return None
    terms = (*sides[0], *sides[1])
    return Gated(terms) if _alike([features.layout for features, _ in terms]) else None


def _terms(x: Any) -> tuple[tuple[Shared, Shared | None], ...]:
    if isinstance(x, Gated):
        return x.terms
    return ((x, None),) if isinstance(x, Shared) else ()


def _alike(layouts: Sequence[Layout]) -> bool:
    """Same windows, and the same axes stored in the same order."""

    def form(layout: Layout) -> tuple[list[list[int]], list[int]]:
        sizes = [[part.size for part in axis] for axis in layout.axes]
        return sizes, [layout.parts.index(part) for part in layout.stored]

    first = layouts[0]
    return all(same_windows(layout, first) and form(layout) == form(first) for layout in layouts)


def _unspread(tensors: Sequence[Any]) -> list[Shared] | None:
    """The shared ones without their spread parts: they broadcast again."""
    result = []
    for x in tensors:
        if isinstance(x, Shared):
            spread = [part for part in x.layout.parts if part.kind == "spread"]
            layout = x.layout.reduced(spread)
            if any(
                0 < len(left) < len(a) for left, a in zip(layout.axes, x.layout.axes, strict=True)
            ):
                return None  # it repeats along a part of an axis
            result.append(x.at(layout))
    return result


def _once(constant: Tensor, layouts: Sequence[Layout]) -> Tensor:
    """A constant without repeating itself along a window in space."""
    for axis in range(-constant.ndim, 0):
        if not all(is_plain(layout.axes[axis]) for layout in layouts):
            one = constant.narrow(axis, 0, 1)
            constant = one if bool((constant == one).all()) else constant
    return constant


def _stand_in(constant: Tensor, rank: int) -> Layout:
    """The layout of a constant, as if its axes were parts."""
    axes = tuple(map(axis_of, constant.shape))
    stored = tuple(itertools.chain.from_iterable(axes))
    return Layout(axes, stored).with_rank(rank)


def _storage(axes: Sequence[Axis], layouts: Sequence[Layout]) -> list[int]:
    """The axes that are stored, in the order of the operand that has most; new ones last."""
    fullest = max(layouts, key=lambda layout: len(layout.stored))
    known = _stored_axes(fullest)
    plain = [place for place, axis in enumerate(axes) if axis and is_plain(axis)]
    return known + [place for place in plain if place not in known]


def _stored_axes(layout: Layout) -> list[int]:
    return [layout.axes.index((part,)) for part in layout.stored]


def _order(layout: Layout, stored: Sequence[int]) -> Order:
    """The operand's place for each of the result's stored axes."""
    return tuple((*layout.places(layout.axes[axis]), None)[0] for axis in stored)


def _laid_out(constant: Tensor, layout: Layout, stored: Sequence[int]) -> Tensor:
    """A constant with the result's stored axes behind rows and columns."""
    constant = constant.reshape(layout.shape)
    rest = [axis for axis in range(constant.ndim) if axis not in stored]
    sizes = [constant.shape[axis] for axis in stored]
    return constant.permute([*rest, *stored]).reshape([1, 1, *sizes] if constant.ndim else [])


def _template(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with places: shared tensors are counted first, then constants."""
    shared = itertools.count()
    constants = itertools.count(sum(isinstance(a, Shared) for a in arguments))
    result = []
    for argument in arguments:
        if isinstance(argument, Shared | Tensor):
            places = shared if isinstance(argument, Shared) else constants
            argument = Operand(next(places))
        result.append(argument)
    return tuple(result)
