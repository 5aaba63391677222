"""Rules for operations that move numbers about: reshape, permute, slice, concatenate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor, fx

from spectile.mapping.dense.kernels.pointwise import AlongParts, Concatenation, Cut, Filled
from spectile.mapping.dense.layout import (
    DIRECTIONS,
    Border,
    Layout,
    Part,
    axis_of,
    is_plain,
    length,
    refined,
)
from spectile.mapping.dense.lowering import Lowering, Result
from spectile.mapping.dense.recording import shape_of
from spectile.mapping.dense.shared_tensors import Gated, Joined, Shared


def reshape(build: Lowering, node: fx.Node, x: Shared | Gated, *_: object) -> Result:
    """view, squeeze, unsqueeze and the like: parts are regrouped, nothing moves.

    Where a part would be cut unevenly, as 90 channels of 20 depths into 20 of 90, and no window is
    left, all are made one before.
    """
    shape = shape_of(node)
    result = relaid(x, lambda layout: layout.reshaped(shape))
    if result is None and isinstance(x, Shared) and is_plain(x.layout.parts):
        flat = x.layout.reshaped((math.prod(shape),))
        if flat is not None:
            return relaid(merged(build, x.at(flat), 0), lambda layout: layout.reshaped(shape))
    return result


def permute(build: Lowering, node: fx.Node, x: Shared | Gated, order: Sequence[int]) -> Result:
    """Axes in another order."""
    return relaid(x, lambda layout: layout.permuted(order))


def transpose(
    build: Lowering, node: fx.Node, x: Shared | Gated, first: int = 0, second: int = 1
) -> Result:
    """Two axes change places."""
    order = list(range(len(x.layout.axes)))
    order[first], order[second] = order[second], order[first]
    return permute(build, node, x, order)


def expand(build: Lowering, node: fx.Node, x: Shared | Gated, *_: object, **__: object) -> Result:
    """Axes of length 1 repeated."""
    return relaid(x, lambda layout: layout.expanded(shape_of(node)))


def slice_(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    axis: int = 0,
    start: int | None = None,
    stop: int | None = None,
    step: int = 1,
) -> Result:
    """Every so many numbers of an axis."""
    size = length(x.layout.axes[axis])
    first, last, step = slice(start, stop, step).indices(size)
    return taken(build, x, axis, first, len(range(first, last, step)), step)


def select(
    build: Lowering, node: fx.Node, x: Shared | Gated, axis: int, index: int
) -> Shared | Gated | None:
    """One number of an axis, which goes."""
    axis %= len(x.layout.axes)
    one = taken(build, x, axis, index % length(x.layout.axes[axis]), 1, 1)
    rest = [place for place in range(len(x.layout.axes)) if place != axis]
    return None if one is None else relaid(one, lambda layout: layout.permuted(rest))


def unbind(build: Lowering, node: fx.Node, x: Shared | Gated, axis: int = 0) -> Result:
    """An axis taken apart."""
    size = length(x.layout.axes[axis])
    return tuple(select(build, node, x, axis, place) for place in range(size))


def split(
    build: Lowering, node: fx.Node, x: Shared | Gated, sizes: int | Sequence[int], axis: int = 0
) -> Result:
    """An axis in pieces."""
    size = length(x.layout.axes[axis])
    if isinstance(sizes, int):
        sizes = [min(sizes, size - first) for first in range(0, size, sizes)]
    starts = itertools.accumulate([0, *sizes[:-1]])
    return tuple(
        taken(build, x, axis, start, count, 1) for start, count in zip(starts, sizes, strict=True)
    )


def cat(
    build: Lowering,
    node: fx.Node,
    tensors: Sequence[Shared | Gated | Joined | Tensor],
    axis: int = 0,
) -> Result:
    """Tensors joined along an axis, constants among them."""
    if len(tensors) == 1:
        return None if isinstance(tensors[0], Tensor) else tensors[0]
    axis %= len(shape_of(node))
    first = next(x for x in tensors if not isinstance(x, Tensor))
    whole = [
        _filled(build, x, first, axis)
        if isinstance(x, Tensor) and isinstance(first, Shared) and is_plain(first.layout.axes[axis])
        else x
        for x in tensors
    ]
    shared = cropped_alike(build, [x for x in whole if isinstance(x, Shared)]) or []
    if len(shared) < len(tensors) or not all(is_plain(x.layout.axes[axis]) for x in shared):
        return _joined(tensors) if axis == 1 and len(shape_of(node)) == 2 else None
    if any(not same_windows(x.layout, shared[0].layout) for x in shared):
        return None
    return _concatenated(build, [merged(build, x, axis) for x in shared], axis, shape_of(node))


def _concatenated(
    build: Lowering, shared: Sequence[Shared], axis: int, shape: Sequence[int]
) -> Shared | None:
    """Tensors with the same windows joined along an axis of one plain part, to this `shape`."""
    # Alike but for this axis, whose part stays where it is stored.
    cut = refined([_emptied(x.layout, axis) for x in shared])
    if cut is None or any(
        [part.kind for part in layout.parts] != [part.kind for part in cut[0].parts]
        for layout in cut
    ):
        return None
    orders, inputs = [], []
    for x, layout in zip(shared, cut, strict=True):
        others = [part for part in layout.parts if part.kind == "plain"]
        # A single number along the axis is stored without an axis of its own.
        own = [part for part in layout.stored if part not in others]
        orders.append([0, 1, *layout.places([*others, *own])])
        inputs.append(x.at(layout))
    joined = Part(sum(length(x.layout.axes[axis]) for x in shared))
    plain = tuple(part for part in cut[0].parts if part.kind == "plain")
    bare = replace(cut[0], stored=plain).reshaped([*shape[:axis], 1, *shape[axis + 1 :]])
    assert bare is not None
    layout = bare.with_axis(axis, (joined,))
    kernel = Concatenation(orders, 2 + len(plain))
    return build.emit(kernel, inputs, layout, positive=all(x.positive for x in shared))


def _joined(tensors: Sequence[Shared | Gated | Joined | Tensor]) -> Joined:
    parts = [x.parts if isinstance(x, Joined) else (x,) for x in tensors]
    return Joined(tuple(itertools.chain.from_iterable(parts)))


def _filled(build: Lowering, constant: Tensor, like: Shared, axis: int) -> Shared | None:
    """A constant beside `like` along a plain axis; None where it differs from place to place."""
    layout = like.layout
    for place in {0, *(at for at, parts in enumerate(layout.axes) if not is_plain(parts))}:
        value = constant.narrow(place, 0, 1)
        if not bool((constant == value).all()):
            return None
        constant = value
    layout = layout.with_axis(axis, axis_of(constant.shape[axis]))
    sizes = [part.size for part in layout.parts if part.kind == "plain"]
    order = [[p for p in layout.parts if p.kind == "plain"].index(part) for part in layout.stored]
    filled = constant.reshape(sizes).permute(order)
    return build.emit(Filled(filled), [like], layout, positive=bool((constant >= 0).all()))


def stack(
    build: Lowering, node: fx.Node, tensors: Sequence[Shared | Gated | Tensor], axis: int = 0
) -> Result:
    """Tensors joined along a new axis."""
    axis %= len(shape_of(node))
    lifted: list[Shared | Tensor] = []
    for x in tensors:
        if isinstance(x, Tensor):
            lifted.append(x.unsqueeze(axis))
            continue
        if not isinstance(x, Shared):
            return None
        axes = list(x.layout.axes)
        axes.insert(axis, ())
        lifted.append(x.at(replace(x.layout, axes=tuple(axes))))
    return cat(build, node, lifted, axis)


def taken(
    build: Lowering, x: Shared | Gated, axis: int, start: int, count: int, step: int
) -> Shared | Gated | None:
    """Every `step`-th of an axis from `start` on, `count` of them."""
    axis %= len(x.layout.axes)
    if isinstance(x, Gated):
        # Along the gate's own parts the gate would have to be cut as well.
        if not all(part.in_space for part in x.layout.axes[axis]):
            return None
        return x.with_features(lambda part: taken(build, part, axis, start, count, step))
    parts = x.layout.axes[axis]
    if count == length(parts):
        return x
    if is_plain(parts):
        x = merged(build, x, axis)
        (place,) = x.layout.places(x.layout.axes[axis])
        kernel = Cut(place, start, start + (count - 1) * step + 1, step)
        # One number of an axis leaves an axis of length 1 behind, which reshaping drops.
        layout = x.layout.resized(axis, count)
        return build.emit(kernel, [x], layout, positive=x.positive, fresh=False)
    if len(parts) == 1 and parts[0].in_space:
        return _taken_in_space(build, x, axis, start, count, step)
    if len(parts) == 1:  # repeated, and whatever is taken of it is the same
        return x.at(x.layout.with_axis(axis, axis_of(count, parts[0].kind)))
    return _one_place(build, x, axis, start) if count == 1 else None


def _taken_in_space(
    build: Lowering, x: Shared, axis: int, start: int, count: int, step: int
) -> Shared | None:
    """Every `step`-th row or column from `start` on; what was in the border may be left out."""
    (part,) = x.layout.axes[axis]
    pixels, (before, after) = x.layout.steps[part.direction], x.layout.borders[part.direction]
    first = max(0, -((start - before) // step))
    last = min(count - 1, (part.size - after - 1 - start) // step)
    if first > last:
        return None
    x = cropped(build, x, part.direction, (start + first * step, after))
    return x.at(x.layout.sampled(axis, count, pixels * step, (first, count - 1 - last)))


def _one_place(build: Lowering, x: Shared, axis: int, place: int) -> Shared | Gated | None:
    """One number of an axis of several parts, such as the middle of a window made tokens."""
    shape = list(x.layout.shape)
    sizes = [part.size for part in x.layout.axes[axis]]
    split = x.layout.reshaped([*shape[:axis], *sizes, *shape[axis + 1 :]])
    one: Shared | Gated | None = None if split is None else x.at(split)
    for at, size in reversed(list(enumerate(sizes))):
        place, index = divmod(place, size)
        one = None if one is None else taken(build, one, axis + at, index, 1, 1)
    shape[axis] = 1
    return None if one is None else relaid(one, lambda layout: layout.reshaped(shape))


def begun(build: Lowering, x: Shared, axis: int, stride: int, padding: int) -> Shared:
    """What a kernel slides along, from the first place on where it meets neither border."""
    parts = x.layout.axes[axis]
    if len(parts) != 1 or not parts[0].in_space:
        return x
    before, after = x.layout.borders[parts[0].direction]
    first = -(-(before + padding) // stride) * stride - padding
    if first + after >= parts[0].size:
        return x
    return cropped(build, x, parts[0].direction, (first, after))


def cropped(build: Lowering, x: Shared, direction: int, border: Border) -> Shared:
    """The same windows with at least as wide a border."""
    at = x.layout.borders[direction]
    layout = x.layout.bordered(direction, border)
    if border[0] == at[0]:
        return x.at(layout)
    kernel = Cut(direction, (border[0] - at[0]) * x.layout.steps[direction], None, 1)
    return build.emit(kernel, [x], layout, positive=x.positive, fresh=False)


def cropped_alike(build: Lowering, tensors: Sequence[Shared]) -> list[Shared] | None:
    """The windows with the widest border that one of them has; None where nothing is left."""
    result = list(tensors)
    for direction, kind in enumerate(DIRECTIONS):
        there = [place for place, x in enumerate(result) if kind in x.layout.in_space]
        borders = [result[place].layout.borders[direction] for place in there]
        if len(set(borders)) > 1:
            widest = (max(before for before, _ in borders), max(after for _, after in borders))
            for place in there:
                layout = result[place].layout
                if layout.extents[direction] + sum(layout.borders[direction]) <= sum(widest):
                    return None
                result[place] = cropped(build, result[place], direction, widest)
    return result


def merged(build: Lowering, x: Shared, axis: int) -> Shared:
    """The same tensor with an axis of plain parts made of one."""
    parts = x.layout.axes[axis]
    if len(parts) < 2:
        return x
    others = [part for part in x.layout.stored if part not in parts]
    order = [0, 1, *x.layout.places([*others, *parts])]
    layout = x.layout.with_axis(axis, (Part(length(parts)),))
    kernel = AlongParts(_same, order, len(parts), [])
    return build.emit(kernel, [x], layout, positive=x.positive, fresh=False)


def same_windows(one: Layout, other: Layout) -> bool:
    """Both windows extend alike in space."""
    mine, theirs = ((x.in_space, x.steps, x.extents, x.borders) for x in (one, other))
    return mine == theirs


def pads_window(build: Lowering, node: fx.Node, x: Shared | Gated, axes: Sequence[int]) -> bool:
    """Whether padding these axes pads the window in space; then that is noted.

    What a padded layer makes of a shared feature depends on where in its window that lies.
    """
    pads = any(part.in_space for axis in axes for part in x.layout.axes[axis])
    if pads:
        build.reasons[node] = "pads its window in space"
    return pads


def relaid(x: Shared | Gated, change: Callable[[Layout], Layout | None]) -> Shared | Gated | None:
    """The same numbers with another layout."""
    if isinstance(x, Gated):
        return x.with_features(lambda part: relaid(part, change))
    layout = change(x.layout)
    return None if layout is None else x.at(layout)


def _emptied(layout: Layout, place: int) -> Layout:
    axes = layout.axes
    return replace(layout, axes=(*axes[:place], (), *axes[place + 1 :]))


def _same(x: Tensor) -> Tensor:
    return x
