"""Squeeze-and-excitation does what its paper says."""

import pytest
import torch

from spectile.blocks import SqueezeExcitation


def test_scales_each_channel_by_a_gate_of_the_means() -> None:
    torch.manual_seed(0)
    block = SqueezeExcitation(32, reduction=8)
    x = torch.randn(3, 32, 5, 7)
    scaled = block(x)
    hidden = torch.relu(x.mean((2, 3)) @ block.reduce.weight[:, :, 0, 0].T + block.reduce.bias)
    gate = torch.sigmoid(hidden @ block.expand.weight[:, :, 0, 0].T + block.expand.bias)
    torch.testing.assert_close(scaled, x * gate[:, :, None, None])


@pytest.mark.parametrize("reduction", [0, 33, -1])
def test_a_reduction_that_leaves_no_channel_is_refused(reduction: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 32"):
        SqueezeExcitation(32, reduction)


def test_gradients_are_exact() -> None:
    torch.manual_seed(0)
    block = SqueezeExcitation(4, reduction=2).double()
    x = torch.randn(2, 4, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, x)
