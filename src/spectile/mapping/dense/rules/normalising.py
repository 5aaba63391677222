"""Rules for normalisation: over the batch as learned, over stored parts as computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from spectile.mapping.dense.kernels.convolution import Convolution, Linear
from spectile.mapping.dense.kernels.pointwise import Operand, Pointwise
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.layout import is_plain
from spectile.mapping.dense.lowering import Lowering, Result
from spectile.mapping.dense.rules.along_bands import along_parts
from spectile.mapping.dense.rules.rearranging import merged
from spectile.mapping.dense.shared_tensors import Gated, Shared

_WEIGHTED = {torch.ops.aten.convolution, torch.ops.aten.addmm, torch.ops.aten.mm}


def batch_norm(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    weight: Any,
    bias: Any,
    running_mean: Tensor,
    running_variance: Tensor,
    *rest: Any,
) -> Result:
    """In evaluation a factor and a shift a channel; taken into the weights before it if it can."""
    epsilon = rest[-1]
    scale = torch.rsqrt(running_variance + epsilon)
    if isinstance(weight, Tensor):
        scale = scale * weight
    shift = -running_mean * scale
    if isinstance(bias, Tensor):
        shift = shift + bias
    if isinstance(x, Gated) or not is_plain(x.layout.axes[1]):
        return None
    maker = _weights_before(build, node, x)
    if maker is not None:
        maker.scaled(scale, shift)
        return (x, None, None)
    return (scaled_channels(build, x, scale, shift), None, None)


def scaled_channels(build: Lowering, x: Shared, scale: Tensor, shift: Tensor) -> Shared:
    """A factor (C,) and a shift (C,) for each channel."""
    x = merged(build, x, 1)
    shape = [1, 1, *(part.size if part in x.layout.axes[1] else 1 for part in x.layout.stored)]
    arguments = (Operand(2), Operand(0), Operand(1))
    whole = tuple(range(2, 2 + len(x.layout.stored)))
    constants = [scale.reshape(shape), shift.reshape(shape)]
    kernel = Pointwise(torch.ops.aten.addcmul.default, arguments, {}, [whole], constants)
    return build.emit(kernel, [x], x.layout)


def _weights_before(
    build: Lowering, node: fx.Node, x: Shared
) -> Convolution | Linear | WindowProduct | None:
    """The step right before, if nothing else takes what it gives."""
    producer = node.args[0]
    assert isinstance(producer, fx.Node)
    direct = getattr(producer.target, "overloadpacket", None) in _WEIGHTED
    if not direct or len(producer.users) > 1:
        return None
    maker = build.maker(x)
    kernel = maker.kernel if maker else None
    return kernel if isinstance(kernel, Convolution | Linear | WindowProduct) else None


def layer_norm(
    build: Lowering,
    node: fx.Node,
    x: Shared | Gated,
    shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    epsilon: float,
) -> Result:
    """Layer normalisation over stored parts."""
    size = math.prod(shape)

    def normalise(y: Tensor, factor: Tensor | None, shift: Tensor | None) -> Tensor:
        return F.layer_norm(y, (size,), factor, shift, epsilon)

    axes = list(range(len(x.layout.axes) - len(shape), len(x.layout.axes)))
    constants = [None if c is None else c.reshape(-1) for c in (weight, bias)]
    result = along_parts(build, x, axes, normalise, x.layout.shape, constants)
    return None if result is None else (result, None, None)
