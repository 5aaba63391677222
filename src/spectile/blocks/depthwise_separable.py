"""Depthwise-separable convolution: one kernel a channel, then a 1x1 that mixes the channels.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
2017, section 3.1 and figure 3: each of the two has its own normalisation and activation.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from spectile.blocks.conv_norm_act import ConvNormAct


class DepthwiseSeparable(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Raises ValueError for an even kernel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        activation: Callable[[], nn.Module] | None = nn.ReLU,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.depthwise = ConvNormAct(
            in_channels,
            in_channels,
            kernel,
            stride=stride,
            dilation=dilation,
            groups=in_channels,
            activation=activation,
            eps=eps,
            momentum=momentum,
        )
        self.pointwise = ConvNormAct(
            in_channels, out_channels, 1, activation=activation, eps=eps, momentum=momentum
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pointwise(self.depthwise(x))
        return y
