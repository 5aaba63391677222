"""ReLU6 and h-swish that overwrite their input in inference, for use behind a normalisation.

Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010, and Howard et al., "Searching
for MobileNetV3", ICCV 2019, section 5.2. PyTorch's in-place variants make a copy for the gradient
in training, which costs more than writing the output elsewhere; in inference nothing is copied.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.tracing import followed


class ReLU6(nn.ReLU6):
    """Cut every value of (N, C, H, W) to 0..6. Overwrites the input when no gradient is taken."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(x, inplace=not (followed(x) or x.requires_grad))


class HardSwish(nn.Hardswish):
    """x times relu6(x + 3) / 6, element by element; overwrites x when no gradient is taken."""

    def forward(self, x: Tensor) -> Tensor:
        return F.hardswish(x, inplace=not (followed(x) or x.requires_grad))
