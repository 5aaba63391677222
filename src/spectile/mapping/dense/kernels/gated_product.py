"""The layer that sees its whole window after a gate that each window has of its own.

Squeeze-and-excitation squeezes over the window, so the first Linear after it becomes

    y_o(p) = b_o + sum over d, c of  g_c(p) x_c(p + d) W_oc(d),

not a convolution any more, but for a block of pixels p and one kernel row a matrix product of the
gated, unfolded features with W.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectile.compat.torch import packed_product
from spectile.mapping.dense.kernels.weights import Packed, snapshot

PIXELS_ON_CPU = 600
"""Pixels a matrix product: enough to run at full rate, few enough for operands to stay in cache."""
PIXELS_ON_A_GPU = 2**15
"""The same where starting a product is what costs; some 150 MB of operands."""


class GatedProduct(nn.Module):
    """Maps features (rows, columns, C) and gates (H, W, C) to (H, W, O).

    By a kernel (O, C, h, w) whose taps are `steps` pixels apart.
    """

    rows: Tensor

    def __init__(self, kernel: Tensor, steps: tuple[int, int]) -> None:
        super().__init__()
        outputs = kernel.shape[0]
        # A matrix (w * C, O) a kernel row: a pixel's features of one row lie in one piece.
        self.register_buffer(
            "rows",
            snapshot(kernel).permute(2, 3, 1, 0).reshape(kernel.shape[2], -1, outputs).contiguous(),
        )
        self.taps = kernel.shape[3]
        self.steps = steps
        self.packed = Packed()

    def forward(self, features: Tensor, gate: Tensor) -> Tensor:
        height, width, channels = gate.shape
        features, gate = features.contiguous(), gate.contiguous()
        down, across = self.steps
        y = features.new_empty((height, width, self.rows.shape[2]))
        block = max(
            1, (PIXELS_ON_CPU if features.device.type == "cpu" else PIXELS_ON_A_GPU) // width
        )
        buffer = features.new_empty((min(block, height), width, self.taps, channels))
        matrices = self.packed.of(self.rows.transpose(1, 2))
        for top in range(0, height, block):
            count = min(block, height - top)
            gated = buffer[:count]
            total = y[top : top + count].view(count * width, -1)
            for row, weight in enumerate(matrices or self.rows):
                line = features[top + row * down :]
                taps = line.as_strided(
                    gated.shape,
                    (line.stride(0), line.stride(1), line.stride(1) * across, 1),
                    line.storage_offset(),
                )
                torch.mul(taps, gate[top : top + count, :, None], out=gated)
                unfolded = gated.view(count * width, -1)
                if matrices:
                    total = packed_product(unfolded, weight, total=total if row else None)
                elif row:
                    total.addmm_(unfolded, weight)
                else:
                    torch.mm(unfolded, weight, out=total)
            if matrices:
                y[top : top + count] = total.view(count, width, -1)
        return y
