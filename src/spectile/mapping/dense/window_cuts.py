"""Windows cut from shared tensors, for what every window computes for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spectile.mapping.dense.kernels.convolution import output_size
from spectile.mapping.dense.layout import Layout
from spectile.mapping.dense.lowering import per_axis
from spectile.mapping.dense.shared_tensors import Gated, Shared, window_of


class Block(NamedTuple):
    """Pixels whose windows are computed together."""

    top: int
    left: int
    height: int
    width: int


def cut_windows(
    tensors: Mapping[int, Tensor],
    value: Shared | Gated,
    shape: Sequence[int],
    block: Block,
    height: int,
    width: int,
) -> Tensor:
    """The windows (pixels, *shape) of a block of the height x width pixels."""
    here = (
        slice(block.top, block.top + block.height),
        slice(block.left, block.left + block.width),
    )

    def cut(x: Shared) -> Tensor:
        tensor = window_of(tensors[x.slot], x.layout, height, width)
        return _unfolded(tensor, x.layout)[here]

    if isinstance(value, Shared):
        windows = cut(value)
    else:
        parts = []
        for features, gate in value.terms:
            part = cut(features)
            if gate is not None:
                factor = tensors[gate.slot][here]
                shared = features.layout.sizes if gate.layout.stored else (1,) * (part.ndim - 4)
                part = part * factor.reshape(*factor.shape[:2], *shared, 1, 1)
            parts.append(part)
        windows = sum(parts[1:], parts[0])
    return _as_in_network(windows, value.layout, shape)


def _unfolded(x: Tensor, layout: Layout) -> Tensor:
    """(height, width, stored ..., h, w): a view."""
    for direction, (extent, step) in enumerate(zip(layout.extents, layout.steps, strict=True)):
        x = x.unfold(direction, (extent - 1) * step + 1, 1)[..., ::step]
    return x


def _as_in_network(x: Tensor, layout: Layout, shape: Sequence[int]) -> Tensor:
    places = layout.places([part for part in layout.parts if part.kind != "spread"])
    # Rows and columns of a window lie last.
    order = [place if place >= 2 else x.ndim - 2 + place for place in places]
    # What has length 1 is on none of the axes.
    rest = [axis for axis in range(2, x.ndim) if axis not in order]
    x = x.permute(0, 1, *order, *rest).flatten(-len(rest)) if rest else x.permute(0, 1, *order)
    sizes = [1 if part.kind == "spread" else part.size for part in layout.parts]
    full = [part.size for part in layout.parts]
    x = x.reshape(-1, *sizes).expand(-1, *full)
    return x.reshape(-1, *shape).contiguous()


def _settled_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_variance: Tensor,
    *rest: Any,
) -> tuple[Tensor, None, None]:
    """Batch normalisation in evaluation; vmap has no rule for PyTorch's and would loop."""
    shape = (1, -1, *[1] * (x.ndim - 2))
    scale = torch.rsqrt(running_variance + rest[-1])
    scale = scale if weight is None else scale * weight
    y = (x - running_mean.view(shape)) * scale.view(shape)
    return (y if bias is None else y + bias.view(shape)), None, None


def _fewer_axes(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution without the axes that it doesn't slide along.

    Of an axis of length 1 one tap is left, the others meet padding; one that the kernel covers is
    as good as channels. oneDNN makes much of channels, and little of long axes.
    """
    sliding = [per_axis(numbers, weight.ndim - 2) for numbers in (stride, padding, dilation)]
    kept: list[int] = []
    shape = [x.shape[0], weight.shape[0]]
    for axis, (step, pad, apart) in reversed([*enumerate(zip(*sliding, strict=True), start=2)]):
        size, taps = x.shape[axis], weight.shape[axis]
        outputs = output_size(size, taps, step, pad, apart)
        shape.insert(2, outputs)
        single = size == 1 and outputs == 1 and pad % apart == 0 and not transposed
        if single:
            x, weight = x.squeeze(axis), weight.select(axis, pad // apart)
        elif size == taps and groups == 1 and not pad and apart == 1 and not transposed:
            x, weight = (t.movedim(axis, 2).flatten(1, 2) for t in (x, weight))
        else:
            kept.insert(0, axis - 2)
    if len(kept) == len(sliding[0]):
        rest = (bias, *sliding, transposed, output_padding, groups)
        return torch.ops.aten.convolution.default(x, weight, *rest)  # type: ignore[no-any-return]
    if not kept:
        x, weight, kept = x.unsqueeze(2), weight.unsqueeze(2), [0]
        sliding = [[1], [0], [1]]
    left = ([numbers[axis] for axis in kept] for numbers in sliding)
    y = torch.ops.aten.convolution.default(x, weight, bias, *left, False, [0] * len(kept), groups)
    result: Tensor = y.reshape(shape)
    return result


OTHERWISE: dict[Any, Any] = {
    # Windows cut out of a scene don't lie in memory as they did for the network.
    torch.ops.aten.view.default: torch.ops.aten.reshape.default,
    torch.ops.aten._unsafe_view.default: torch.ops.aten.reshape.default,
    torch.ops.aten.convolution.default: _fewer_axes,
    torch.ops.aten.native_batch_norm.default: _settled_norm,
    torch.ops.aten._native_batch_norm_legit_no_training.default: _settled_norm,
}
"""Operations that windows of their own compute in another way than the network did."""
