"""A dense network in operations that any runtime has, for graphs that leave the package.

The steps are those of :class:`~spectile.mapping.dense.network.DenseNetwork`. What is fast here, and
nowhere else, is exchanged: transforms for the convolution that they stand for, products in blocks
of one buffer for convolutions. Sizes follow from the input's by numbers that are known
beforehand, so that a graph made of it takes scenes of any height and width.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.mapping.dense.kernels.gated_product import GatedProduct
from spectile.mapping.dense.kernels.pointwise import Pointwise
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.layout import Layout
from spectile.mapping.dense.network import DenseNetwork
from spectile.mapping.dense.refusal import NotShareableError
from spectile.mapping.dense.shared_tensors import Shared


class PlainDenseNetwork(nn.Module):
    """Maps (1, bands, H + h - 1, W + w - 1) to logits (1, classes, H, W), as `dense` does.

    Raises NotShareableError where windows compute something each for itself.
    """

    def __init__(self, dense: DenseNetwork) -> None:
        super().__init__()
        program = dense.program
        if not isinstance(program.result, Shared):
            layer, what = program.reason or ("", "computes each window by itself")
            raise NotShareableError.of(layer, what)
        self.window = dense.window
        self._result = program.result
        self._steps = tuple(program.steps)
        self.kernels = nn.ModuleList(_plain(step.kernel) for step in self._steps)
        self._excess = self._measured(dense.bands)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        tensors = {0: x[0].permute(1, 2, 0)}
        for step, kernel in zip(self._steps, self.kernels, strict=True):
            tensors[step.output] = kernel(*(self._cut(tensors, value) for value in step.inputs))
        logits = self._cut(tensors, self._result).flatten(2)
        return logits.permute(2, 0, 1)[None]

    def _cut(self, tensors: dict[int, Tensor], value: Shared) -> Tensor:
        """What the layout needs of a shared tensor, by numbers counted from its end."""
        tensor, layout = tensors[value.slot], value.layout
        for axis, excess in enumerate(self._excess[value.slot]):
            if spare := excess - _reach(layout, axis):
                tensor = tensor[(slice(None),) * axis + (slice(None, -spare),)]
        if tensor.shape[2:] == layout.sizes:
            return tensor
        return tensor.reshape(*tensor.shape[:2], *layout.sizes)

    @torch.no_grad()
    def _measured(self, bands: int) -> dict[int, tuple[int, int]]:
        """Rows and columns that each shared tensor has more than there are windows."""
        height, width = self.window
        found = {0: (height - 1, width - 1)}
        tensors = {0: torch.zeros(height, width, bands)}
        self._excess = found
        for step, kernel in zip(self._steps, self.kernels, strict=True):
            made = kernel(*(self._cut(tensors, value) for value in step.inputs))
            tensors[step.output] = made
            found[step.output] = (made.shape[0] - 1, made.shape[1] - 1)
        return found


class PlainWindowProduct(nn.Module):
    """The layer that sees its whole window, as a convolution with a large kernel."""

    def __init__(self, product: WindowProduct) -> None:
        super().__init__()
        self.register_buffer("kernel", product.kernel)
        self.register_buffer("bias", product.bias)
        self.steps = product.steps

    def forward(self, x: Tensor) -> Tensor:
        images = x.permute(2, 0, 1)[None]
        y = F.conv2d(images, self.get_buffer("kernel"), self.bias, dilation=self.steps)  # type: ignore[arg-type]
        return y[0].permute(1, 2, 0)


class PlainGatedProduct(nn.Module):
    """The same after a gate of each window's own, a row of the kernel at a time.

    What a row's taps meet comes side by side from a convolution whose kernels are 1 at one tap and
    0 elsewhere: a slice for each tap would be exact as well, and make graphs of thousands of nodes.
    """

    def __init__(self, product: GatedProduct) -> None:
        super().__init__()
        taps, (height, wide, outputs) = product.taps, product.rows.shape
        channels = wide // taps
        matrices = product.rows.reshape(height, taps, channels, outputs).permute(0, 3, 2, 1)
        self.register_buffer("matrices", matrices.reshape(height, outputs, -1, 1, 1))
        self.register_buffer("unfolding", torch.eye(taps).repeat(channels, 1)[:, None, None])
        self.register_buffer("repeated", torch.arange(channels).repeat_interleave(taps))
        self.channels = channels
        self.steps = product.steps

    def forward(self, features: Tensor, gate: Tensor) -> Tensor:
        matrices, unfolding = self.get_buffer("matrices"), self.get_buffer("unfolding")
        images = features.permute(2, 0, 1)[None]
        gates = gate.permute(2, 0, 1)[None].index_select(1, self.get_buffer("repeated"))
        down, across = self.steps
        total: Tensor | None = None
        for row, matrix in enumerate(matrices):
            behind = (len(matrices) - 1 - row) * down
            line = images[:, :, row * down : -behind if behind else None]
            seen = F.conv2d(line, unfolding, dilation=(1, across), groups=self.channels)
            term = F.conv2d(seen * gates, matrix)
            total = term if total is None else total + term
        assert total is not None
        return total[0].permute(1, 2, 0)


def _plain(kernel: nn.Module) -> nn.Module:
    if isinstance(kernel, WindowProduct):
        return PlainWindowProduct(kernel)
    if isinstance(kernel, GatedProduct):
        return PlainGatedProduct(kernel)
    if isinstance(kernel, Pointwise) and kernel.in_place:
        kernel = copy.copy(kernel)
        kernel.in_place = None
    return kernel


def _reach(layout: Layout, axis: int) -> int:
    """Rows, or columns, that a window needs besides the first."""
    return (layout.extents[axis] - 1) * layout.steps[axis]
