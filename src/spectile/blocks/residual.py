"""Residual blocks: two 3x3 convolutions, or a narrow middle between two 1x1 ones, plus a shortcut.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 3 and
figure 5. Deviation: a bottleneck's stride is in its middle, not in its first convolution, as
everybody has done since. An attention block acts after the last normalisation, before the
addition (Hu et al., CVPR 2018, figure 3).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.stochastic_depth import StochasticDepth
from spectile.blocks.tracing import followed
from spectile.blocks.unpadded import beneath


class BasicBlock(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    `dilations` are those of the first and the second convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        dilations: tuple[int, int] = (1, 1),
        attention: Callable[[int], nn.Module] | None = None,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(in_channels, out_channels, stride=stride, dilation=dilations[0])
        self.conv2 = ConvNormAct(out_channels, out_channels, dilation=dilations[1], activation=None)
        self.attention = attention(out_channels) if attention else nn.Identity()
        self.drop = StochasticDepth(stochastic_depth)
        self.shortcut = shortcut(in_channels, out_channels, stride)
        self.stride = stride
        self.unpadded = False
        """Whether the convolutions take rings off the map: then the shortcut does so as well."""

    def forward(self, x: Tensor) -> Tensor:
        residual = self.drop(self.attention(self.conv2(self.conv1(x))))
        x = beneath(x, residual, self.stride) if self.unpadded else x
        return torch.relu_(added(residual, self.shortcut(x)))


class Bottleneck(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    `middle` maps (N, width, H, W) to (N, width, ceil(H / stride), ceil(W / stride)) and ends in an
    activation: a 3x3 convolution in ResNet, a selective kernel in SKNet, a Res2 block in Res2Net.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        out_channels: int,
        middle: nn.Module,
        *,
        stride: int = 1,
        attention: Callable[[int], nn.Module] | None = None,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(in_channels, width, 1)
        self.conv2 = middle
        self.conv3 = ConvNormAct(width, out_channels, 1, activation=None)
        self.attention = attention(out_channels) if attention else nn.Identity()
        self.drop = StochasticDepth(stochastic_depth)
        self.shortcut = shortcut(in_channels, out_channels, stride)
        self.stride = stride
        self.unpadded = False
        """Whether the convolutions take rings off the map: then the shortcut does so as well."""

    def forward(self, x: Tensor) -> Tensor:
        residual = self.drop(self.attention(self.conv3(self.conv2(self.conv1(x)))))
        x = beneath(x, residual, self.stride) if self.unpadded else x
        return torch.relu_(added(residual, self.shortcut(x)))


def added(residual: Tensor, shortcut: Tensor) -> Tensor:
    """The sum, written over `residual` unless its gradient may need it: that of a gate does."""
    if followed(residual) or residual.requires_grad:
        return residual + shortcut
    return residual.add_(shortcut)


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """The identity where it fits, else a 1x1 projection (option B of the paper)."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return ConvNormAct(in_channels, out_channels, 1, stride=stride, activation=None)
