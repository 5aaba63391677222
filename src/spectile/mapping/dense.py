"""Exact dense mapping: a window network over a whole scene, shared work done once, same numbers.

Neighbouring windows share all but a column. A trunk of unpadded, unstrided convolutions runs once
over the scene; a window's features are a cut of the shared map. Flattening and the first Linear
become one convolution as large as the cut, the Linears after it 1x1 convolutions.

Squeeze-and-excitation squeezes over the window, so each pixel has a gate of its own: a box mean
with stride 1 gives every pixel its squeeze, and the first Linear becomes

    y_o(p) = b_o + sum over d, c of  g_c(p) x_c(p + d) W_oc(d),

not a convolution any more, but for a block of pixels p and one kernel row a matrix product of W
with the gated, unfolded features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks import SqueezeExcitation
from spectile.errors import InputError
from spectile.networks import HybridSN

PIXELS_A_PRODUCT = 1024
"""Pixels a matrix product: enough to run at full rate, few enough for operands to stay in cache."""

# What the trunk and the classifier of a HybridSN are made of. Any other part may have been put in
# between, such as attention that squeezes over all it is given: the scene instead of the window.
SHARED = {
    *(HybridSN, SqueezeExcitation, nn.Sequential, nn.Conv3d, nn.Conv2d, nn.Linear, nn.Flatten),
    *(nn.ReLU, nn.Sigmoid, nn.Dropout, nn.Identity),
}


class NotShareableError(InputError):
    """A network's windows share no work that could be done once with the same numbers."""


def densify(module: nn.Module, window: tuple[int, int]) -> nn.Module:
    """A module that gives `module`'s logits for every window of a scene, with shared work.

    `module` maps (N, bands, h, w) to (N, classes) with `window` = (h, w); the result maps
    (1, bands, H + h - 1, W + w - 1) to (1, classes, H, W) and shares its weights. It is for
    inference: dropout is left out. Raises NotShareableError, with the reason, for a network that
    has to be mapped patch by patch.
    """
    if not isinstance(module, HybridSN):
        raise NotShareableError(
            f"{type(module).__name__} can't be mapped densely yet: map it with --method patches."
        )
    for name, part in module.named_modules():
        if type(part) not in SHARED:
            raise NotShareableError(
                f"its layer {name} ({type(part).__name__}) can't be mapped densely yet: "
                "map it with --method patches."
            )
    if window != (module.window, module.window):
        raise InputError(
            f"the network was built for windows of {module.window} x {module.window} pixels, "
            f"not {window[0]} x {window[1]}: give its own window."
        )
    return DenseHybridSN(module)


class DenseHybridSN(nn.Module):
    """HybridSN, with or without squeeze-and-excitation, on all windows of a scene."""

    def __init__(self, network: HybridSN) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        features = self.network.trunk(x)
        linears = [layer for layer in self.network.classifier if isinstance(layer, nn.Linear)]
        kernel = linears[0].weight.reshape(
            -1, features.shape[1], self.network.map_size, self.network.map_size
        )
        attention = self.network.attention
        if isinstance(attention, SqueezeExcitation):
            means = F.avg_pool2d(features, self.network.map_size, stride=1)
            y = gated_convolution(features, attention.gate(means), kernel, linears[0].bias)
        else:
            y = F.conv2d(features, kernel, linears[0].bias)
        for linear in linears[1:]:
            y = F.conv2d(torch.relu_(y), linear.weight[:, :, None, None], linear.bias)
        return y


def gated_convolution(features: Tensor, gate: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Convolution whose input channels are scaled anew for every output pixel.

    `features` (1, C, H + h - 1, W + w - 1), `gate` (1, C, H, W), `kernel` (O, C, h, w), `bias`
    (O,); the result has shape (1, O, H, W).
    """
    outputs, channels, kernel_height, kernel_width = kernel.shape
    height, width = gate.shape[2:]
    weights = [kernel[:, :, row].reshape(outputs, -1) for row in range(kernel_height)]
    y = features.new_empty((outputs, height, width))
    block = max(1, PIXELS_A_PRODUCT // width)
    for top in range(0, height, block):
        rows = min(block, height - top)
        block_gate = gate[0, :, None, top : top + rows]
        gated = features.new_empty((channels, kernel_width, rows, width))
        total = bias[:, None].repeat(1, rows * width)
        for row, weight in enumerate(weights):
            shifted = features[0, :, top + row : top + row + rows].unfold(2, width, 1)
            torch.mul(shifted.transpose(1, 2), block_gate, out=gated)
            total.addmm_(weight, gated.view(-1, rows * width))
        y[:, top : top + rows] = total.view(outputs, rows, width)
    return y.unsqueeze(0)
