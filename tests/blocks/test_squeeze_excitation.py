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


def test_width_and_sigmoid_can_be_mobilenet_v3s() -> None:
    block = SqueezeExcitation(32, width=8, sigmoid=torch.nn.functional.hardsigmoid)
    assert block.reduce.out_channels == 8
    squeezed = torch.randn(2, 32, 1, 1)
    excited = block.expand(torch.relu(block.reduce(squeezed)))
    torch.testing.assert_close(block.gate(squeezed), ((excited + 3) / 6).clamp(0, 1))


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="width of at least 1"):
        SqueezeExcitation(32, width=0)
