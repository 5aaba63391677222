"""Batch normalisation that also trains on one value a channel: a pooled map at batch 1.

Ioffe and Szegedy, "Batch Normalization", ICML 2015. Behind a pooling to 1 x 1 a batch of one image
holds a single value a channel, whose variance is no statistic: PyTorch raises there.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.tracing import followed


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm2d that normalises by its running statistics where a batch can't give any.

    That is in training with one value a channel, (1, C, 1, 1); those running statistics stay as
    they are. Everything else, the state dict too, is PyTorch's. Maps (N, C, H, W) to the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not followed(x) and x.numel() == x.size(1):
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)

    def _check_input_dim(self, input: Tensor) -> None:
        if not followed(input):
            super()._check_input_dim(input)
