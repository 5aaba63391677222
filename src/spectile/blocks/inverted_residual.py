"""Inverted residual: widen, filter each channel by itself, narrow again without activation.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, section 3.3;
with an attention block between filtering and narrowing, Howard et al., "Searching for MobileNetV3",
ICCV 2019, figure 4.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from spectile.blocks.activations import ReLU6
from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.stochastic_depth import StochasticDepth
from spectile.blocks.unpadded import beneath


class InvertedResidual(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    `expanded` channels are filtered; where they are as many as come in, nothing widens them. The
    input is added where it has the output's shape. `attention` gets the expanded channels.

    Raises ValueError for an even kernel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expanded: int,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        activation: Callable[[], nn.Module] = ReLU6,
        attention: Callable[[int], nn.Module] | None = None,
        stochastic_depth: float = 0.0,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.expand: nn.Module = nn.Identity()
        if expanded != in_channels:
            self.expand = ConvNormAct(
                in_channels, expanded, 1, activation=activation, eps=eps, momentum=momentum
            )
        self.depthwise = ConvNormAct(
            expanded,
            expanded,
            kernel,
            stride=stride,
            dilation=dilation,
            groups=expanded,
            activation=activation,
            eps=eps,
            momentum=momentum,
        )
        self.attention = attention(expanded) if attention else nn.Identity()
        self.project = ConvNormAct(
            expanded, out_channels, 1, activation=None, eps=eps, momentum=momentum
        )
        self.drop = StochasticDepth(stochastic_depth)
        self.residual = stride == 1 and in_channels == out_channels
        self.unpadded = False
        """Whether the depthwise convolution takes rings off the map."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.attention(self.depthwise(self.expand(x))))
        if self.residual and self.unpadded:
            x = beneath(x, y, 1)
        # In place: neither the normalisation nor the drop needs its output for its gradient.
        return self.drop(y).add_(x) if self.residual else y
