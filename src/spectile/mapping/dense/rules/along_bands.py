"""Rules for operations along the spectrum, or any axis that isn't the window's extent.

They do the same to every pixel, whatever it is: order, sums, extremes, norms, padding, a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from spectile.compat.torch import argument_names
from spectile.mapping.dense.kernels.pointwise import AlongParts
from spectile.mapping.dense.layout import Layout, axis_of, is_plain, length
from spectile.mapping.dense.lowering import Lowering, Result
from spectile.mapping.dense.recording import shape_of
from spectile.mapping.dense.rules.rearranging import cat, pads_window, relaid, taken
from spectile.mapping.dense.shared_tensors import Gated, Shared

OPERATIONS = [
    "_log_softmax",
    "_softmax",
    "argmax",
    "argmin",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "flip",
    "glu",
    "kthvalue",
    "linalg_vector_norm",
    "logcumsumexp",
    "logsumexp",
    "median",
    "mode",
    "nanmedian",
    "norm",
    "prod",
    "sort",
    "std",
    "std_mean",
    "topk",
    "var",
    "var_mean",
]
"""Of ATen, that :func:`along` answers for."""
_AXES = ("dim", "dims")
"""What ATen calls the argument that says along which axes."""
_POSITIVE = {"_softmax", "linalg_vector_norm", "norm", "std", "var"}


def along(build: Lowering, node: fx.Node, x: Shared | Gated, *rest: Any, **keywords: Any) -> Result:
    """An ATen operation on one tensor, with an argument for its axes; it may have several results.

    Places of extremes are left to each window, where nothing needs them as a rule.
    """
    names = argument_names(node.target)
    place = next((names.index(name) for name in _AXES if name in names), 0)
    if isinstance(x, Gated) or not 0 < place <= len(rest):
        return None
    given = rest[place - 1]
    rank = len(x.layout.axes)
    axes = [axis % rank for axis in ([given] if isinstance(given, int) else given or range(rank))]
    last = -1 if isinstance(given, int) else [-1]
    arguments = (*rest[: place - 1], last, *rest[place:])
    value = node.meta["value"]
    several = not isinstance(value, Tensor)

    def apply(y: Tensor) -> Tensor:
        result: Any = node.target(y, *arguments, **keywords)  # type: ignore[operator]
        found: Tensor = result[0] if several else result
        return found

    shape = (value[0] if several else value).shape
    result = along_parts(build, x, axes, apply, shape, positive=node.target.__name__ in _POSITIVE)  # type: ignore[union-attr]
    return (result, *[None] * (len(value) - 1)) if several else result


def roll(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    shifts: Sequence[int],
    axes: Sequence[int] = (),
) -> Result:
    """Numbers of an axis moved on, the last ones to its beginning."""
    if not axes:
        return None
    result: Shared | Gated | None = x
    for shift, axis in zip(shifts, axes, strict=True):
        places = torch.arange(length(x.layout.axes[axis])).roll(shift)
        result = None if result is None else chosen(build, result, axis, places)
    return result


def index(
    build: Lowering, node: fx.Node, x: Shared | Gated, indices: Sequence[Tensor | None]
) -> Result:
    """Places of one axis, by numbers or by a mask that are constants."""
    given = [(axis, where) for axis, where in enumerate(indices) if where is not None]
    if len(given) != 1 or not isinstance(given[0][1], Tensor):
        return None
    axis, where = given[0]
    if where.dtype == torch.bool:
        if where.ndim > 1:
            return None
        where = where.nonzero()[:, 0]
    result = chosen(build, x, axis, where.flatten())
    return None if result is None else relaid(result, lambda at: at.reshaped(shape_of(node)))


def index_select(
    build: Lowering, node: fx.Node, x: Shared | Gated, axis: int, where: Tensor
) -> Result:
    """Places of an axis."""
    axis %= len(x.layout.axes)
    if not isinstance(where, Tensor):
        return None
    size = length(x.layout.axes[axis])
    if len(where) > size and pads_window(build, node, x, [axis]):
        # Padding in a circle is written so.
        before = where.tolist().index(0)
        circle = (torch.arange(len(where)) - before) % size
        sides = (before, len(where) - size - before)
        return _bordered(build, x, axis, sides) if torch.equal(where.cpu(), circle) else None
    return chosen(build, x, axis, where)


def slice_scatter(
    build: Lowering,
    node: fx.Node,
    x: Any,
    piece: Any,
    axis: int = 0,
    start: int | None = None,
    stop: int | None = None,
    step: int = 1,
) -> Result:
    """Every `step`-th of an axis from `start` on is that of a piece."""
    axis %= len(shape_of(node))
    size = shape_of(node)[axis]
    if step == 1:
        first, last, _ = slice(start, stop).indices(size)
        ends = [_part(build, x, axis, 0, first), _part(build, x, axis, last, size - last)]
        counted = [(ends[0], first), (piece, last - first), (ends[1], size - last)]
        pieces = [part for part, count in counted if count]
        known = all(part is not None for part in pieces)
        some = any(isinstance(part, Shared) for part in pieces)
        return cat(build, node, pieces, axis) if known and some else None
    places = torch.arange(size)
    new = places[start:stop:step]
    new.copy_(torch.arange(len(new)) + len(places))
    both = cat(build, node, [x, piece], axis)
    return chosen(build, both, axis, places) if isinstance(both, Shared) else None


def _part(build: Lowering, x: Any, axis: int, start: int, count: int) -> Any:
    if isinstance(x, Tensor):
        return x.narrow(axis, start, count)
    return taken(build, x, axis, start, count, 1) if count else None


def select_scatter(
    build: Lowering, node: fx.Node, x: Any, piece: Any, axis: int, index: int
) -> Result:
    """One place of an axis is a piece without that axis."""
    axis %= len(shape_of(node))
    index %= shape_of(node)[axis]
    if isinstance(piece, Tensor):
        piece = piece.unsqueeze(axis)
    elif isinstance(piece, Shared):
        axes = list(piece.layout.axes)
        piece = piece.at(replace(piece.layout, axes=(*axes[:axis], (), *axes[axis:])))
    else:
        return None
    return slice_scatter(build, node, x, piece, axis, index, index + 1)


def repeat(build: Lowering, node: fx.Node, x: Shared | Gated, times: Sequence[int]) -> Result:
    """An axis several times, one behind the other."""
    result: Shared | Gated | None = relaid(x, lambda layout: layout.with_rank(len(times)))
    for axis, count in enumerate(times):
        if result is not None and count != 1:
            places = torch.arange(length(result.layout.axes[axis])).repeat(count)
            result = chosen(build, result, axis, places)
    return result


def unfold(
    build: Lowering, node: fx.Node, x: Shared | Gated, axis: int, size: int, step: int
) -> Result:
    """Overlapping pieces of an axis, along a new last one."""
    rank = len(x.layout.axes)
    axis %= rank
    starts = torch.arange(0, length(x.layout.axes[axis]) - size + 1, step)
    result = chosen(build, x, axis, (starts[:, None] + torch.arange(size)).flatten())
    if result is None:
        return None
    *shape, _ = shape_of(node)
    split = [*shape[:axis], shape[axis], size, *shape[axis + 1 :]]
    order = [place for place in range(rank + 1) if place != axis + 1]
    return relaid(result, lambda layout: _split(layout, split, (*order, axis + 1)))


def pad(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    padding: Sequence[int],
    value: float = 0.0,
) -> Result:
    """Constants before and behind; negative padding crops."""

    def padded(x: Shared, axis: int, sides: tuple[int, int]) -> Shared | Gated | None:
        shape = [length(parts) for parts in x.layout.axes]
        shape[axis] += sum(sides)
        return along_parts(build, x, [axis], lambda y: F.pad(y, sides, value=value), shape)

    return _padded(build, node, x, padding, padded)


def pad_reflected(
    build: Lowering, node: fx.Node, x: Shared | Gated, padding: Sequence[int]
) -> Result:
    """The numbers within, mirrored at the edge."""

    def padded(x: Shared, axis: int, sides: tuple[int, int]) -> Shared | Gated | None:
        last = length(x.layout.axes[axis]) - 1
        places = torch.arange(-sides[0], last + 1 + sides[1]).abs()
        return chosen(build, x, axis, last - (last - places).abs())

    return _padded(build, node, x, padding, padded)


def pad_replicated(
    build: Lowering, node: fx.Node, x: Shared | Gated, padding: Sequence[int]
) -> Result:
    """The number at the edge, again and again."""

    def padded(x: Shared, axis: int, sides: tuple[int, int]) -> Shared | Gated | None:
        last = length(x.layout.axes[axis]) - 1
        places = torch.arange(-sides[0], last + 1 + sides[1])
        return chosen(build, x, axis, places.clamp(0, last))

    return _padded(build, node, x, padding, padded)


def _padded(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    padding: Sequence[int],
    put: Callable[[Shared, int, tuple[int, int]], Shared | Gated | None],
) -> Shared | Gated | None:
    """Axis by axis from the last; what is put around a window in space can't be shared."""
    result: Shared | Gated | None = x
    for place, (before, after) in enumerate(zip(padding[::2], padding[1::2], strict=True)):
        axis = len(x.layout.axes) - 1 - place
        if max(before, after) > 0:
            if result is not None and pads_window(build, node, x, [axis]):
                result = _bordered(build, result, axis, (before, after))
            else:
                result = put(result, axis, (before, after)) if isinstance(result, Shared) else None
        elif result is not None and (before or after):
            size = length(x.layout.axes[axis]) + before + after
            result = taken(build, result, axis, -before, size, 1)
    return result


def _bordered(
    build: Lowering, x: Shared | Gated, axis: int, sides: tuple[int, int]
) -> Shared | Gated | None:
    """Padding in space, whatever with; a negative number crops."""
    if len(x.layout.axes[axis]) > 1:
        return None
    before, after = (min(0, side) for side in sides)
    size = length(x.layout.axes[axis]) + before + after
    rest = taken(build, x, axis, -before, size, 1)
    if rest is None or not rest.layout.axes[axis]:
        return None
    before, after = (max(0, side) for side in sides)
    return relaid(rest, lambda layout: layout.padded(axis, before, after))


def chosen(build: Lowering, x: Shared | Gated, axis: int, places: Tensor) -> Shared | Gated | None:
    """The numbers at `places` (n,) of an axis, in their order and as often as they are named."""
    if isinstance(x, Gated):
        return None
    axis %= len(x.layout.axes)
    shape = [length(parts) for parts in x.layout.axes]
    shape[axis] = len(places)

    def choose(y: Tensor, places: Tensor) -> Tensor:
        return y.index_select(-1, places)

    return along_parts(build, x, [axis], choose, shape, [places], positive=x.positive)


def along_parts(
    build: Lowering,
    x: Shared | Gated,
    axes: Sequence[int],
    function: Callable[..., Tensor],
    shape: Sequence[int],
    constants: Sequence[Tensor | None] = (),
    *,
    positive: bool = False,
) -> Shared | None:
    """A function of the last axis (..., n) to (..., m), or to (...), for `axes` made one.

    `shape` is that of the window's tensor behind it. None where an axis lies in space.
    """
    if isinstance(x, Gated):
        return None
    parts = [part for axis in axes for part in x.layout.axes[axis]]
    if not is_plain(tuple(parts)):
        return None
    others = [part for part in x.layout.stored if part not in parts]
    order = [0, 1, *x.layout.places([*others, *parts])]
    rank = len(x.layout.axes)
    keeps = len(shape) == rank and all(shape[axis] == x.layout.shape[axis] for axis in axes)
    if keeps:
        layout = replace(x.layout, stored=(*others, *parts))
    elif len(shape) < rank:
        kept = [axis for axis in range(rank) if axis not in axes]
        layout = x.layout.reduced(parts).permuted(kept)
    else:
        layout = x.layout.reduced(parts)
        (changed,) = [axis for axis in axes if shape[axis] > 1] or [axes[0]]
        layout = layout.with_axis(changed, axis_of(shape[changed]))

    def apply(y: Tensor, *constants: Tensor) -> Tensor:
        result = function(y, *constants)
        # An axis of length 1 is stored as none.
        return result.squeeze(-1) if result.ndim == y.ndim and result.shape[-1] == 1 else result

    kernel = AlongParts(apply, order, len(parts), constants)
    return build.emit(kernel, [x], layout, positive=positive)


def _split(layout: Layout, shape: Sequence[int], order: Sequence[int]) -> Layout | None:
    finer = layout.reshaped(shape)
    return None if finer is None else finer.permuted(order)
