"""Convolution, batch normalisation, activation: the unit that the networks are laid out of.

The convolution has no bias unless asked for, the normalisation brings one. Initial weights are
those of He et al., "Delving Deep into Rectifiers", ICCV 2015, in their form that keeps gradients;
of a grouped convolution's outputs only those count that an input reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor, nn

from spectile.blocks.batch_norm import BatchNorm


class ConvNormAct(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Zeros are padded so that stride 1 keeps the size at any dilation. `activation` is called without
    arguments and gives the module that follows the normalisation; None leaves the output linear.

    Raises ValueError for no channel, an even kernel and groups that don't divide the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        activation: Callable[[], nn.Module] | None = nn.ReLU,
        eps: float = 1e-5,
        momentum: float = 0.1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if in_channels < 1 or out_channels < 1:
            raise ValueError(
                f"a convolution needs at least one channel, not {in_channels} in and "
                f"{out_channels} out."
            )
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"a {kernel}x{kernel} kernel has no centre: choose an odd size.")
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{groups} groups don't divide {in_channels} input and {out_channels} output "
                "channels: choose a common divisor of both."
            )
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        nn.init.normal_(self.conv.weight, std=math.sqrt(2 * groups / (out_channels * kernel**2)))
        self.norm = BatchNorm(out_channels, eps=eps, momentum=momentum)
        self.act = activation() if activation else nn.Identity()
        if isinstance(self.act, nn.ReLU):
            # Its gradient needs its output, that of the normalisation its input: nothing is lost.
            self.act.inplace = True

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.norm(self.conv(x)))
        return y
