"""Rules for operations that move numbers about: reshape, permute, slice, concatenate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor, fx

from spectile.mapping.dense.kernels.pointwise import AlongParts, Concatenation, Cut
from spectile.mapping.dense.layout import Axis, Layout, Part, length, refined
from spectile.mapping.dense.lowering import Lowering, Result
from spectile.mapping.dense.refusal import NotShareableError
from spectile.mapping.dense.values import Gated, Joined, Shared


def reshape(build: Lowering, node: fx.Node, x: Shared | Gated, *_: object) -> Result:
    """view, squeeze, unsqueeze and the like: parts are regrouped, nothing moves."""
    return _relaid(x, lambda layout: layout.reshaped(shape_of(node)))


def permute(build: Lowering, node: fx.Node, x: Shared | Gated, order: Sequence[int]) -> Result:
    """Axes in another order."""
    axes = len(order)
    return _relaid(x, lambda layout: layout.permuted([axis % axes for axis in order]))


def transpose(
    build: Lowering, node: fx.Node, x: Shared | Gated, first: int = 0, second: int = 1
) -> Result:
    """Two axes change places."""
    order = list(range(len(x.layout.axes)))
    order[first], order[second] = order[second], order[first]
    return permute(build, node, x, order)


def expand(build: Lowering, node: fx.Node, x: Shared | Gated, *_: object, **__: object) -> Result:
    """Repeat axes of length 1: a part that is stored nowhere."""
    shape = shape_of(node)

    def spread(layout: Layout) -> Layout:
        axes: list[Axis] = [()] * (len(shape) - len(layout.axes)) + list(layout.axes)
        for place, (axis, size) in enumerate(zip(axes, shape, strict=True)):
            if length(axis) != size:
                axes[place] = (Part(size, "spread"),)
        return replace(layout, axes=tuple(axes))

    return _relaid(x, spread)


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


def select(build: Lowering, node: fx.Node, x: Shared | Gated, axis: int, index: int) -> Result:
    """One number of an axis, which goes."""
    axis %= len(x.layout.axes)
    size = length(x.layout.axes[axis])
    return _without(taken(build, x, axis, index % size, 1, 1), axis)


def unbind(build: Lowering, node: fx.Node, x: Shared | Gated, axis: int = 0) -> Result:
    """An axis taken apart."""
    axis %= len(x.layout.axes)
    size = length(x.layout.axes[axis])
    return tuple(_without(taken(build, x, axis, place, 1, 1), axis) for place in range(size))


def split(
    build: Lowering, node: fx.Node, x: Shared | Gated, sizes: int | Sequence[int], axis: int = 0
) -> Result:
    """An axis in pieces."""
    size = length(x.layout.axes[axis])
    if isinstance(sizes, int):
        sizes = [min(sizes, size - first) for first in range(0, size, sizes)]
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return tuple(
        taken(build, x, axis, start, count, 1) for start, count in zip(starts, sizes, strict=True)
    )


def pad(
    build: Lowering, node: fx.Node, x: Shared | Gated, padding: Sequence[int], *_: object
) -> Result:
    """Cropping is negative padding; what is put around a window can't be shared."""
    result: Shared | Gated | None = x
    for place in range(len(padding) // 2):
        axis = len(x.layout.axes) - 1 - place
        before, after = padding[2 * place : 2 * place + 2]
        if max(before, after) > 0:
            refuse_border(node, x, [axis], "pads its window in space")
            return None
        if result is not None and (before or after):
            size = length(x.layout.axes[axis]) + before + after
            result = taken(build, result, axis, -before, size, 1)
    return result


def pad_otherwise(
    build: Lowering, node: fx.Node, x: Shared | Gated, padding: Sequence[int]
) -> Result:
    """Reflection and replication."""
    axes = [len(x.layout.axes) - 1 - place for place in range(len(padding) // 2)]
    refuse_border(node, x, axes, "pads its window in space")
    return None


def cat(
    build: Lowering,
    node: fx.Node,
    tensors: Sequence[Shared | Gated | Joined | Tensor],
    axis: int = 0,
) -> Result:
    """Tensors joined along an axis."""
    if any(isinstance(x, Tensor) for x in tensors):
        return None
    axis %= len(shape_of(node))
    shared = [x for x in tensors if isinstance(x, Shared)]
    if len(shared) < len(tensors) or any(
        part.kind != "plain" for x in shared for part in x.layout.axes[axis]
    ):
        return _joined(tensors) if axis == 1 and len(shape_of(node)) == 2 else None
    if any(not same_windows(x.layout, shared[0].layout) for x in shared):
        return None
    shared = [merged(build, x, axis) for x in shared]
    # Alike but for this axis, whose part stays where it is stored.
    cut = refined([replace(x.layout, axes=_emptied(x.layout.axes, axis)) for x in shared])
    if cut is None or any(
        [part.kind for part in layout.parts] != [part.kind for part in cut[0].parts]
        for layout in cut
    ):
        return None
    orders, inputs = [], []
    for x, layout in zip(shared, cut, strict=True):
        others = [part for part in layout.parts if part.kind == "plain"]
        orders.append([0, 1, *(2 + layout.stored.index(part) for part in others)])
        own = [part for part in layout.stored if part not in others]
        # A single number along the axis is stored without an axis of its own.
        orders[-1] += [2 + layout.stored.index(part) for part in own]
        inputs.append(x.at(layout))
    first = cut[0]
    joined = Part(sum(length(x.layout.axes[axis]) for x in shared))
    stored = (*(part for part in first.parts if part.kind == "plain"), joined)
    shape = list(shape_of(node))
    shape[axis] = 1
    bare = replace(first, stored=stored).reshaped(shape)
    assert bare is not None
    layout = replace(bare, axes=_replaced(bare.axes, axis, (joined,)))
    kernel = Concatenation(orders, len(stored) + 1)
    return build.emit(kernel, inputs, layout, positive=all(x.positive for x in shared))


def _joined(tensors: Sequence[Shared | Gated | Joined | Tensor]) -> Joined:
    parts: list[Shared | Gated] = []
    for x in tensors:
        parts += x.parts if isinstance(x, Joined) else [x] if isinstance(x, Shared | Gated) else []
    return Joined(tuple(parts))


def stack(
    build: Lowering, node: fx.Node, tensors: Sequence[Shared | Gated | Tensor], axis: int = 0
) -> Result:
    """Tensors joined along a new axis."""
    axis %= len(shape_of(node))
    lifted = []
    for x in tensors:
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
        terms = [(taken(build, m, axis, start, count, step), g) for m, g in x.terms]
        if not all(isinstance(m, Shared) for m, _ in terms):
            return None
        return Gated(tuple((m, g) for m, g in terms if isinstance(m, Shared)))
    parts = x.layout.axes[axis]
    if count == length(parts) and step == 1:
        return x
    kinds = {part.kind for part in parts}
    if kinds == {"plain"}:
        x = merged(build, x, axis)
        (part,) = x.layout.axes[axis]
        kernel = Cut(2 + x.layout.stored.index(part), start, start + (count - 1) * step + 1, step)
        left = Part(count) if count > 1 else None
        stored = [left if p is part else p for p in x.layout.stored]
        layout = replace(
            x.layout,
            axes=_replaced(x.layout.axes, axis, (left,) if left else ()),
            stored=tuple(p for p in stored if p),
        )
        # One number of an axis leaves an axis of length 1 behind, which reshaping drops.
        return build.emit(kernel, [x], layout, positive=x.positive, fresh=False)
    if len(parts) == 1 and parts[0].in_space:
        direction = 0 if parts[0].kind == "rows" else 1
        pixels = x.layout.steps[direction]
        kernel = Cut(direction, start * pixels, None, 1)
        layout = along(x.layout, axis, direction, count, pixels * step)
        return build.emit(kernel, [x], layout, positive=x.positive, fresh=False)
    return None


def merged(build: Lowering, x: Shared, axis: int) -> Shared:
    """The same tensor with an axis of plain parts made of one."""
    parts = x.layout.axes[axis]
    if len(parts) < 2:
        return x
    whole = Part(length(parts))
    others = [part for part in x.layout.stored if part not in parts]
    order = [0, 1, *(2 + x.layout.stored.index(part) for part in (*others, *parts))]
    layout = replace(
        x.layout, axes=_replaced(x.layout.axes, axis, (whole,)), stored=(*others, whole)
    )
    kernel = AlongParts(_same, order, len(parts), [])
    return build.emit(kernel, [x], layout, positive=x.positive, fresh=False)


def along(layout: Layout, axis: int, direction: int, count: int, step: int) -> Layout:
    """An axis in space with `count` values `step` pixels apart."""
    kind = ("rows", "columns")[direction]
    part = (Part(count, kind),) if count > 1 else ()  # type: ignore[arg-type]
    steps, extents = list(layout.steps), list(layout.extents)
    steps[direction], extents[direction] = (step if count > 1 else 1), count
    return replace(
        layout,
        axes=_replaced(layout.axes, axis, part),
        steps=(steps[0], steps[1]),
        extents=(extents[0], extents[1]),
    )


def same_windows(one: Layout, other: Layout) -> bool:
    """Both windows extend alike in space."""
    return (one.in_space, one.steps, one.extents) == (other.in_space, other.steps, other.extents)


def refuse_border(node: fx.Node, x: Shared | Gated, axes: Sequence[int], what: str) -> None:
    """Refuse what depends on where a shared feature lies in its window."""
    if isinstance(x, Shared) and any(
        part.in_space for axis in axes for part in x.layout.axes[axis]
    ):
        raise NotShareableError.of(node.meta["layer"], what)


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The shape that a node's tensor has in the network."""
    return tuple(node.meta["value"].shape)


def _relaid(x: Shared | Gated, change: Callable[[Layout], Layout | None]) -> Result:
    if isinstance(x, Gated):
        changed = [(_relaid(m, change), g) for m, g in x.terms]
        if not all(isinstance(m, Shared) for m, _ in changed):
            return None
        return Gated(tuple((m, g) for m, g in changed if isinstance(m, Shared)))
    layout = change(x.layout)
    return None if layout is None else x.at(layout)


def _without(x: Shared | Gated | None, axis: int) -> Shared | Gated | None:
    if x is None:
        return None
    result = _relaid(x, lambda layout: replace(layout, axes=_dropped(layout.axes, axis)))
    assert not isinstance(result, tuple)
    return result if isinstance(result, Shared | Gated) else None


def _replaced(axes: Sequence[Axis], place: int, axis: Axis) -> tuple[Axis, ...]:
    return (*axes[:place], axis, *axes[place + 1 :])


def _emptied(axes: Sequence[Axis], place: int) -> tuple[Axis, ...]:
    return _replaced(axes, place, ())


def _dropped(axes: Sequence[Axis], place: int) -> tuple[Axis, ...]:
    return (*axes[:place], *axes[place + 1 :])


def _same(x: Tensor) -> Tensor:
    return x
