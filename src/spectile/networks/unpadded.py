"""Networks of images without padding: as classifiers of windows they can be mapped densely.

What each layer then sees of a window doesn't depend on where the window ends, as in the networks
made for windows. The weights are those of the padded network.
"""

from __future__ import annotations

import inspect
from typing import Literal

from torch import nn

from spectile.blocks.inverted_residual import InvertedResidual
from spectile.blocks.res2 import Res2
from spectile.blocks.residual import BasicBlock, Bottleneck
from spectile.blocks.selective_kernel import SelectiveKernel
from spectile.blocks.unpadded import UnpaddedConv2d, UnpaddedMaxPool2d
from spectile.errors import InputError

Padding = Literal["same", "valid"]
OPTION = inspect.Parameter(
    "padding", inspect.Parameter.KEYWORD_ONLY, default="same", annotation=Padding
)
"""Whether zeros are padded, as an option of networks of images."""


def with_padding(network: nn.Module, padding: str, name: str) -> nn.Module:
    """`network` as it is, or changed in place so that it pads nothing ("valid").

    Raises InputError for another word, and for a network that has no unpadded form.
    """
    if padding == "same":
        return network
    if padding != "valid":
        raise InputError(f"{name} knows no padding {padding!r}: choose 'same' or 'valid'.")
    for layer in network.modules():
        if isinstance(layer, Res2):
            raise InputError(
                f"{name} has no unpadded form, its convolutions follow one another within a "
                "block: leave the padding 'same', or choose a ResNet, SKNet or MobileNet."
            )
        if isinstance(layer, BasicBlock | Bottleneck | InvertedResidual | SelectiveKernel):
            layer.unpadded = True
        # Weights, names and settings stay, only what is computed with them changes.
        if isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1:
            layer.__class__ = UnpaddedConv2d
        if isinstance(layer, nn.MaxPool2d):
            layer.__class__ = UnpaddedMaxPool2d
    return network
