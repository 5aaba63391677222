"""Rules for convolutions, which in space slide pixel by pixel and whose stride becomes dilation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, fx

from spectile.mapping.dense.kernels.convolution import (
    WIDEST_BAND,
    Convolution,
    Linear,
    Sliding,
    banded,
)
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.layout import Axis, Layout, Part, length
from spectile.mapping.dense.lowering import Lowering, Result
from spectile.mapping.dense.rules.products import (
    DIRECTIONS,
    arrangement_of,
    matrix_product,
    one_axis,
)
from spectile.mapping.dense.rules.rearranging import merged, refuse_border
from spectile.mapping.dense.values import Gated, Shared


def convolution(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    weight: Any,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Result:
    """A convolution; in space it slides pixel by pixel."""
    if transposed or not isinstance(weight, Tensor) or not isinstance(bias, Tensor | None):
        return None
    axes = range(2, weight.ndim)
    # "valid" comes as one 0 for all axes.
    stride, padding, dilation = (
        list(numbers) * len(axes) if len(numbers) == 1 else list(numbers)
        for numbers in (stride, padding, dilation)
    )
    padded = [axis for axis, width in zip(axes, padding, strict=True) if width]
    refuse_border(node, x, padded, "pads its window in space")
    if x.layout.axes[1] and any(part.kind != "plain" for part in x.layout.axes[1]):
        return None
    if _covers_window(x.layout, weight, padding, dilation) and groups == 1:
        # A kernel as large as the window: flattening and a Linear by another name.
        parts = [part for axis in x.layout.axes[1:] for part in axis]
        outs = (x.layout.axes[0], (), *[()] * (weight.ndim - 2))
        return matrix_product(build, x, parts, weight, bias, outs, 1)
    if isinstance(x, Gated):
        return None
    return _slid(build, x, weight, bias, stride, padding, dilation, groups)


def _slid(
    build: Lowering,
    x: Shared,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Result:
    """A convolution: in space it slides pixel by pixel and its stride becomes dilation."""
    axes = list(x.layout.axes)
    steps, extents = list(x.layout.steps), list(x.layout.extents)
    directions: list[tuple[int, int, int]] = []  # direction, kernel's axis, dilation in pixels
    depths: list[tuple[Part, int, int]] = []  # part, kernel's axis, its place in `stride`
    gone: dict[int, int] = {}  # kernel's axes that meet one number: the tap that does
    for place in range(weight.ndim - 2):
        axis, taps = place + 2, weight.shape[place + 2]
        x = merged(build, x, axis) if _is_plain(x.layout.axes[axis]) else x
        there = length(x.layout.axes[axis])
        reach = (taps - 1) * dilation[place] + 1
        outputs = (there + 2 * padding[place] - reach) // stride[place] + 1
        if not x.layout.axes[axis]:
            if outputs > 1 or padding[place] % dilation[place]:
                return None
            gone[axis] = padding[place] // dilation[place]
            axes[axis] = ()
            continue
        if len(x.layout.axes[axis]) > 1:
            return None
        (part,) = x.layout.axes[axis]
        if part.kind == "plain":
            depths.append((part, axis, place))
            axes[axis] = (Part(outputs),) if outputs > 1 else ()
        elif part.in_space:
            direction = DIRECTIONS.index(part.kind)
            directions.append((direction, axis, steps[direction] * dilation[place]))
            axes[axis] = (Part(outputs, part.kind),) if outputs > 1 else ()
            extents[direction] = outputs
            steps[direction] = steps[direction] * stride[place] if outputs > 1 else 1
        else:
            return None
    directions.sort()
    channels = x.layout.axes[1]
    batch = [part for axis in x.layout.axes[:1] for part in axis if part.kind == "plain"]
    stored_channels = [part for part in x.layout.stored if part in channels]
    if groups > 1:
        stored_channels = list(channels)
    kernel_axes = [axis for _, axis, _ in directions] + [axis for _, axis, _ in depths]
    kernel = _select(weight, gone, kernel_axes)
    if groups == 1:
        kernel = _reordered(kernel, channels, stored_channels)
    out = Part(weight.shape[0]) if weight.shape[0] > 1 else None
    outs = (out,) if out else ()
    others = [part for part in x.layout.stored if part in batch]
    deep = [part for _, axis, _ in depths for part in axes[axis]]
    layout = replace(
        x.layout,
        axes=(axes[0], outs, *axes[2:]),
        stored=(*others, *deep, *outs),
        steps=(steps[0], steps[1]),
        extents=(extents[0], extents[1]),
    )
    sliding = Sliding(
        (1,) * len(directions) + tuple(stride[place] for _, _, place in depths),
        (0,) * len(directions) + tuple(padding[place] for _, _, place in depths),
        tuple(pixels for _, _, pixels in directions)
        + tuple(dilation[place] for _, _, place in depths),
    )
    ways = [direction for direction, _, _ in directions]
    if not kernel_axes:
        if groups > 1:
            return None
        kept = [0, 1, *(2 + x.layout.stored.index(part) for part in others)]
        taken = [2 + x.layout.stored.index(part) for part in stored_channels]
        return build.emit(Linear(kernel, bias, kept, taken), [x], layout)
    deepest = [part for part, _, _ in depths]
    if len(depths) == 1 and not channels and groups == 1:
        matrix = _as_channels(kernel, bias, deepest[0], sliding)
        if matrix is not None:
            return _flattened(build, x, matrix, others, deepest[0], ways, sliding, layout)
    if (
        not others
        and not depths
        and ways == [0, 1]
        and groups == 1
        and kernel.shape[2:].numel() > 1
    ):
        steps_ = (sliding.dilation[0], sliding.dilation[1])
        return build.emit(WindowProduct(kernel, bias, steps_), [one_axis(x)], layout)
    arrangement = arrangement_of(x.layout, others, stored_channels, ways, deepest)
    return build.emit(Convolution(kernel, bias, arrangement, sliding, groups), [x], layout)


def _as_channels(
    kernel: Tensor, bias: Tensor | None, depth: Part, sliding: Sliding
) -> tuple[Tensor, Tensor | None] | None:
    """A kernel over depth with one input channel, as a matrix of kernels without depth."""
    if depth.size > WIDEST_BAND * kernel.shape[-1]:
        return None
    stride, padding, dilation = sliding.stride[-1], sliding.padding[-1], sliding.dilation[-1]
    band = banded(kernel, depth.size, stride, padding, dilation)
    repeated = None if bias is None else bias.repeat(band.shape[0])
    return band.reshape(-1, *band.shape[3:]), repeated


def _flattened(
    build: Lowering,
    x: Shared,
    kernel: tuple[Tensor, Tensor | None],
    others: Sequence[Part],
    depth: Part,
    ways: Sequence[int],
    sliding: Sliding,
    layout: Layout,
) -> Shared:
    """The depths as channels."""
    weight, bias = kernel
    if not ways:
        kept = [0, 1, *(2 + x.layout.stored.index(part) for part in others)]
        taken = [2 + x.layout.stored.index(depth)]
        return build.emit(Linear(weight, bias, kept, taken), [x], layout)
    arrangement = arrangement_of(x.layout, others, [depth], ways, [])
    count = len(ways)
    spatial = Sliding(sliding.stride[:count], sliding.padding[:count], sliding.dilation[:count])
    return build.emit(Convolution(weight, bias, arrangement, spatial, 1), [x], layout)


def _covers_window(
    layout: Layout, weight: Tensor, padding: Sequence[int], dilation: Sequence[int]
) -> bool:
    sizes = tuple(length(axis) for axis in layout.axes[2:])
    dilated = any(d > 1 and k > 1 for d, k in zip(dilation, weight.shape[2:], strict=True))
    return (
        bool(layout.in_space)
        and sizes == tuple(weight.shape[2:])
        and not any(padding)
        and (not dilated)
    )


def _is_plain(axis: Axis) -> bool:
    return bool(axis) and all(part.kind == "plain" for part in axis)


def _select(weight: Tensor, gone: dict[int, int], kept: Sequence[int]) -> Tensor:
    """The kernel (O, C, ...) with only the `kept` axes, in their order."""
    index = tuple(gone.get(axis, slice(None)) for axis in range(weight.ndim))
    left = [axis for axis in range(weight.ndim) if axis not in gone]
    return weight[index].permute([left.index(axis) for axis in (0, 1, *kept)])


def _reordered(weight: Tensor, logical: Sequence[Part], stored: Sequence[Part]) -> Tensor:
    """A kernel (O, C, ...) with the parts of C in the order in which they are stored."""
    shaped = weight.reshape(weight.shape[0], *(part.size for part in logical), *weight.shape[2:])
    count = len(logical)
    order = [0, *(1 + list(logical).index(part) for part in stored)]
    order += range(count + 1, shaped.ndim)
    return shaped.permute(order).reshape(weight.shape)
