"""Rules for convolutions, which in space slide pixel by pixel and whose stride becomes dilation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx

from spectile.mapping.dense.kernels.convolution import (
    WIDEST_BAND,
    Convolution,
    Sliding,
    banded,
    output_size,
)
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.layout import (
    DIRECTIONS,
    Axis,
    Layout,
    Part,
    axis_of,
    is_plain,
    length,
    slid,
)
from spectile.mapping.dense.lowering import Lowering, Result, per_axis
from spectile.mapping.dense.rules.normalising import scaled_channels
from spectile.mapping.dense.rules.products import (
    arrangement_of,
    linear,
    matrix_product,
    one_axis,
)
from spectile.mapping.dense.rules.rearranging import begun, merged, pads_window
from spectile.mapping.dense.shared_tensors import Gated, Shared


@dataclass(frozen=True)
class Slide:
    """How a kernel slides along one of its axes, as a convolution of the shared tensor."""

    axis: int
    """Of the kernel, and of the window's tensor."""
    part: Part
    stride: int
    padding: int
    dilation: int


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
    # "valid" comes as one 0 for all axes.
    count = weight.ndim - 2
    sliding = Sliding(*(tuple(per_axis(numbers, count)) for numbers in (stride, padding, dilation)))
    padded = [2 + place for place, width in enumerate(sliding.padding) if width]
    pads_window(build, node, x, padded)
    if not is_plain(x.layout.axes[1]):
        return None
    if groups == 1 and _covers_window(x.layout, weight, sliding):
        # A kernel as large as the window: flattening and a Linear by another name.
        return matrix_product(build, x, range(1, weight.ndim), weight, bias)
    if isinstance(x, Gated):
        return None
    return _slid(build, x, weight, bias, sliding, groups)


def _slid(
    build: Lowering,
    x: Shared,
    weight: Tensor,
    bias: Tensor | None,
    sliding: Sliding,
    groups: int,
) -> Shared | None:
    """Along space pixel by pixel, along stored parts as in the network."""
    for place, axis in enumerate(range(2, weight.ndim)):
        if is_plain(x.layout.axes[axis]):
            x = merged(build, x, axis)
            if groups == 1 and not sliding.padding[place]:
                x, weight = _covered(x, weight, axis)
        else:
            x = begun(build, x, axis, sliding.stride[place], sliding.padding[place])
    found = _slides(x.layout, weight, sliding)
    if found is None:
        return None
    slides, single, layout = found
    channels = x.layout.axes[1]
    kernel = _select(weight, single, [slide.axis for slide in slides])
    if groups > 1 and not slides:
        # One place is left of the window, as of the last maps of an unpadded network.
        if not len(weight) == groups == length(channels):
            return None
        factor = kernel.reshape(-1)
        shift = torch.zeros_like(factor) if bias is None else bias
        return scaled_channels(build, x.at(layout), factor, shift)
    if groups == 1:
        stored = tuple(part for part in x.layout.stored if part in channels)
        kernel, channels = _reordered(kernel, channels, stored), stored
    depths = [slide.part for slide in slides if not slide.part.in_space]
    others = [part for part in x.layout.stored if part not in (*channels, *depths)]
    deep = [p for slide in slides for p in layout.axes[slide.axis] if not p.in_space]
    out = axis_of(len(weight))
    layout = replace(layout.with_axis(1, out), stored=(*others, *deep, *out))
    if not slides:
        return linear(build, x, channels, kernel, bias, layout)
    narrow = len(depths) == 1 and depths[0].size <= WIDEST_BAND * kernel.shape[-1]
    if narrow and not channels:
        return _as_channels(build, x, kernel, bias, slides, layout)
    in_space = [slide.part.kind for slide in slides] == [*DIRECTIONS]
    if in_space and not others and groups == 1 and kernel.shape[2:].numel() > 1:
        product = WindowProduct(kernel, bias, (slides[0].dilation, slides[1].dilation))
        return build.emit(product, [one_axis(x)], layout)
    return _convolved(build, x, kernel, bias, channels, slides, groups, layout)


def _covered(x: Shared, weight: Tensor, axis: int) -> tuple[Shared, Tensor]:
    """An axis that the kernel covers is as good as channels, and a matrix faster than a kernel."""
    parts = x.layout.axes[axis]
    if not parts or length(parts) != weight.shape[axis]:
        return x, weight
    axes = list(x.layout.axes)
    axes[1], axes[axis] = (*axes[1], *parts), ()
    weight = weight.movedim(axis, 2).flatten(1, 2).unsqueeze(axis)
    return x.at(replace(x.layout, axes=tuple(axes))), weight


def _slides(
    layout: Layout, weight: Tensor, sliding: Sliding
) -> tuple[list[Slide], dict[int, int], Layout] | None:
    """How the kernel slides, rows and columns first, and the layout after it but for channels.

    In between, for each of the kernel's axes that meets one number: the tap that does.
    """
    slides: list[Slide] = []
    single: dict[int, int] = {}
    for axis, taps, stride, padding, dilation in zip(
        range(2, weight.ndim),
        weight.shape[2:],
        sliding.stride,
        sliding.padding,
        sliding.dilation,
        strict=True,
    ):
        parts = layout.axes[axis]
        outputs = output_size(length(parts), taps, stride, padding, dilation)
        if not parts:
            if outputs > 1 or padding % dilation:
                return None
            single[axis] = padding // dilation
        elif len(parts) > 1 or parts[0].kind == "spread":
            return None
        elif parts[0].in_space:
            pixels = layout.steps[parts[0].direction]
            border = layout.borders[parts[0].direction]
            found = slid(parts[0].size, border, taps, stride, padding, dilation)
            if found is None:
                return None
            slides.append(Slide(axis, parts[0], 1, 0, pixels * dilation))
            layout = layout.sampled(axis, found[0], pixels * stride, found[1])
        else:
            slides.append(Slide(axis, parts[0], stride, padding, dilation))
            layout = layout.resized(axis, outputs)
    slides.sort(key=lambda slide: slide.part.direction if slide.part.in_space else 2)
    return slides, single, layout


def _as_channels(
    build: Lowering,
    x: Shared,
    kernel: Tensor,
    bias: Tensor | None,
    slides: Sequence[Slide],
    layout: Layout,
) -> Shared:
    """A kernel over depth with one input channel: a matrix of kernels, the depths as channels."""
    *spatial, deep = slides
    band = banded(kernel, deep.part.size, deep.stride, deep.padding, deep.dilation)
    matrix = band.reshape(-1, *band.shape[3:])
    repeated = None if bias is None else bias.repeat(band.shape[0])
    if not spatial:
        return linear(build, x, [deep.part], matrix, repeated, layout)
    return _convolved(build, x, matrix, repeated, [deep.part], spatial, 1, layout)


def _convolved(
    build: Lowering,
    x: Shared,
    kernel: Tensor,
    bias: Tensor | None,
    channels: Sequence[Part],
    slides: Sequence[Slide],
    groups: int,
    layout: Layout,
) -> Shared:
    arrangement = arrangement_of(x.layout, channels, [slide.part for slide in slides])
    sliding = Sliding(
        tuple(slide.stride for slide in slides),
        tuple(slide.padding for slide in slides),
        tuple(slide.dilation for slide in slides),
    )
    return build.emit(Convolution(kernel, bias, arrangement, sliding, groups), [x], layout)


def _covers_window(layout: Layout, weight: Tensor, sliding: Sliding) -> bool:
    sizes = layout.shape[2:]
    dilated = any(d > 1 and k > 1 for d, k in zip(sliding.dilation, sizes, strict=True))
    covers = sizes == weight.shape[2:] and not any(sliding.padding) and not dilated
    return covers and bool(layout.in_space)


def _select(weight: Tensor, gone: dict[int, int], kept: Sequence[int]) -> Tensor:
    """The kernel (O, C, ...) with only the `kept` axes, in their order."""
    index = tuple(gone.get(axis, slice(None)) for axis in range(weight.ndim))
    left = [axis for axis in range(weight.ndim) if axis not in gone]
    return weight[index].permute([left.index(axis) for axis in (0, 1, *kept)])


def _reordered(weight: Tensor, logical: Axis, stored: Axis) -> Tensor:
    """A kernel (O, C, ...) with the parts of C in the order in which they are stored."""
    shaped = weight.reshape(weight.shape[0], *(part.size for part in logical), *weight.shape[2:])
    order = [0, *(1 + logical.index(part) for part in stored)]
    order += range(len(order), shaped.ndim)
    return shaped.permute(order).reshape(weight.shape)
