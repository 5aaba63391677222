"""The layer that sees its whole window: flatten and Linear, or a kernel as large as the window.

Over all windows it is a convolution with a large kernel. Directly it costs rows x columns products
for each pair of channels; by the fast Fourier transform of overlapping blocks a few (overlap-save;
Mathieu, Henaff and LeCun, "Fast Training of Convolutional Networks through FFTs", ICLR 2014), since
the sum over input channels is taken frequency by frequency.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.mapping.dense.kernels.outliers import add_apart, pixels_apart
from spectile.mapping.dense.kernels.weights import scaled, snapshot

SMALLEST_BY_FFT = 36
"""Taps of a kernel from which on the transforms pay."""
TYPICAL = 256
"""Rows and columns of a part of a scene."""
PRODUCTS_AT_ONCE = 64 * 2**20
"""Bytes of the products of the blocks that are transformed together."""
MANY_APART = 3
"""A product of its own costs a pixel about so many times what the direct convolution takes."""
FACTORS = (2, 3, 5)
"""Of which the length of a block is made, for the transforms' sake."""
RATE = 120e9
"""Floating-point operations a second of the products a frequency; with the next two, measured on
two cores: only their proportions matter, to choose the blocks."""
TRANSFORM_RATE = 150e9
BANDWIDTH = 8e9
"""Bytes a second of kernels read."""


class WindowProduct(nn.Module):
    """Maps (rows, columns, C) to (rows - reach, columns - reach, O) by a kernel (O, C, h, w).

    `steps` are the pixels from one tap of the kernel to the next.
    """

    kernel: Tensor
    bias: Tensor | None

    def __init__(self, kernel: Tensor, bias: Tensor | None, steps: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer(
            "kernel", snapshot(kernel).contiguous(memory_format=torch.channels_last)
        )
        self.register_buffer("bias", snapshot(bias))
        self.steps = steps
        self._spectrum: tuple[object, Tensor] | None = None

    @property
    def by_transform(self) -> bool:
        """The kernel is large enough for transforms to pay."""
        taps = math.prod(self.kernel.shape[2:])
        return taps >= SMALLEST_BY_FFT and self.kernel.dtype in (torch.float32, torch.float64)

    def workspace(self, edge: int) -> int:
        """Bytes that it takes besides what goes in and comes out, for a square of a scene."""
        if not self.by_transform:
            return 0
        outputs, channels, rows, columns = self.kernel.shape
        reach = max(rows, columns)
        n = block_length(edge, edge, reach, channels, outputs)
        frequencies = n * (n // 2 + 1)
        blocks = (-(-edge // (n - reach + 1))) ** 2
        products = min(PRODUCTS_AT_ONCE, blocks * frequencies * outputs * 8)
        return 8 * frequencies * channels * outputs + 2 * products

    @property
    def multiply_adds(self) -> int:
        """A pixel, in a scene of many blocks."""
        outputs, channels, rows, columns = self.kernel.shape
        if not self.by_transform:
            return self.kernel.numel()
        reach = max(rows, columns)
        n = block_length(TYPICAL, TYPICAL, reach, channels, outputs)
        # A complex product takes four real ones.
        return 4 * n * (n // 2 + 1) * channels * outputs // (n - reach + 1) ** 2

    def forward(self, x: Tensor) -> Tensor:
        if not self.by_transform:
            return _directly(x, self.kernel, self.bias, self.steps)
        down, across = self.steps
        height = x.shape[0] - (self.kernel.shape[2] - 1) * down
        width = x.shape[1] - (self.kernel.shape[3] - 1) * across
        if self.steps == (1, 1):
            y = self._without_bias(x)
        else:
            # Pixels a step apart have nothing to do with those between them.
            y = x.new_empty((height, width, self.kernel.shape[0]))
            for top in range(min(down, height)):
                for left in range(min(across, width)):
                    y[top::down, left::across] = self._without_bias(x[top::down, left::across])
        return y if self.bias is None else y.add_(self.bias)

    def scaled(self, scale: Tensor, shift: Tensor) -> None:
        """Take in what follows, y * scale + shift, one number an output."""
        self.kernel, self.bias = scaled(self.kernel, self.bias, scale, shift)

    def _without_bias(self, x: Tensor) -> Tensor:
        """By transforms but for pixels whose numbers are too large for it."""
        outputs, channels, rows, columns = self.kernel.shape
        height, width = x.shape[0] - rows + 1, x.shape[1] - columns + 1
        n = block_length(height, width, max(rows, columns), channels, outputs)
        # What a window gives is at least as large as the bias.
        least = 0.0 if self.bias is None else self.bias.norm() / self.kernel.norm()
        apart = pixels_apart(x, (rows, columns), n, least)
        if apart is None:
            return self._transformed(x, n)
        if MANY_APART * int(apart.sum()) > height * width:
            return _directly(x, self.kernel, None, (1, 1))
        y = self._transformed(x.masked_fill(apart[..., None], 0), n)
        add_apart(y, x, apart, self.kernel)
        return y

    def _transformed(self, x: Tensor, n: int) -> Tensor:
        """By transforms of blocks of n x n pixels."""
        outputs, channels, rows, columns = self.kernel.shape
        height, width = x.shape[0] - rows + 1, x.shape[1] - columns + 1
        tall, wide = n - rows + 1, n - columns + 1
        down, across = -(-height // tall), -(-width // wide)
        padded = F.pad(
            x.permute(2, 0, 1),
            (0, across * wide + columns - 1 - x.shape[1], 0, down * tall + rows - 1 - x.shape[0]),
        )
        spectrum = self._kernel_spectrum(n)
        inverse_rows, inverse_columns = _inverse(n, tall, wide, x.dtype, x.device)
        y = x.new_empty((down, tall, across, wide, outputs))
        together = max(1, blocks_at_once(n, outputs) // across)
        for first in range(0, down, together):
            count = min(together, down - first)
            strip = padded[:, first * tall : (first + count) * tall + rows - 1]
            blocks = strip.unfold(1, n, tall).unfold(2, n, wide).contiguous()
            frequencies = torch.fft.rfft2(blocks).view(channels, count * across, -1)
            products = torch.bmm(frequencies.permute(2, 1, 0).contiguous(), spectrum)
            # The inverse transform as matrix products: only the valid part of a block is wanted,
            # and the frequencies need not be moved behind the channels.
            partly = (inverse_rows @ products.view(n, -1)).view(tall, n // 2 + 1, -1)
            for row, line in enumerate(partly):
                valid = (inverse_columns @ line).real.view(wide, count, across, outputs)
                y[first : first + count, row] = valid.permute(1, 2, 0, 3)
        return y.view(down * tall, across * wide, outputs)[:height, :width]

    def _kernel_spectrum(self, n: int) -> Tensor:
        """The conjugate spectrum (frequencies, C, O), made once for each length."""
        key = (n, self.kernel.dtype, self.kernel.device)
        if self._spectrum is None or self._spectrum[0] != key:
            spectrum = torch.fft.rfft2(self.kernel.contiguous(), s=(n, n)).conj()
            outputs, channels = spectrum.shape[:2]
            spectrum = spectrum.permute(2, 3, 1, 0).reshape(-1, channels, outputs).contiguous()
            self._spectrum = (key, spectrum)
        return self._spectrum[1]


def _directly(x: Tensor, kernel: Tensor, bias: Tensor | None, steps: tuple[int, int]) -> Tensor:
    images = x.permute(2, 0, 1)[None]
    return F.conv2d(images, kernel, bias, dilation=steps)[0].permute(1, 2, 0)


def blocks_at_once(n: int, outputs: int) -> int:
    """Blocks transformed together: the kernel's spectrum is read once for all of them."""
    return max(1, PRODUCTS_AT_ONCE // (8 * n * (n // 2 + 1) * outputs))


@lru_cache
def block_length(height: int, width: int, reach: int, channels: int, outputs: int) -> int:
    """The length of the blocks by which the transforms cost least."""

    def cost(n: int) -> float:
        valid = n - reach + 1
        blocks = -(-height // valid) * -(-width // valid)
        frequencies = n * (n // 2 + 1)
        reads = -(-blocks // blocks_at_once(n, outputs)) * frequencies * channels * outputs * 8
        products = 8 * frequencies * blocks * channels * outputs
        inverse = 8 * valid * frequencies * blocks * outputs * (1 + valid / n)
        return products / RATE + inverse / TRANSFORM_RATE + reads / BANDWIDTH

    longest = max(height, width) + reach - 1
    lengths = [n for n in range(reach, min(longest, 4 * reach) + 8) if _is_smooth(n)]
    return min(lengths, key=cost)


def _is_smooth(n: int) -> bool:
    for factor in FACTORS:
        while n % factor == 0:
            n //= factor
    return n == 1


def _inverse(
    n: int, tall: int, wide: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The inverse transform's matrices: n frequencies to rows, n // 2 + 1 to columns."""
    frequency = torch.arange(n, dtype=torch.float64)
    row, column = frequency[:tall, None], frequency[:wide, None]
    # Every frequency but the first, and the middle one of an even length, stands for its mirror.
    weight = torch.full((n // 2 + 1,), 2.0, dtype=torch.float64)
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    turn = 2j * math.pi / n
    rows = torch.exp(turn * row * frequency) / n
    columns = torch.exp(turn * column * frequency[: n // 2 + 1]) * weight / n
    complex_type = torch.complex64 if dtype == torch.float32 else torch.complex128
    return rows.to(device, complex_type), columns.to(device, complex_type)
