"""Convolution, normalisation, activation: sizes, refusals, and the single value a channel."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spectile.blocks import BatchNorm, ConvNormAct, HardSwish, ReLU6


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("dilation", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_keeps_the_size_but_for_the_stride(kernel, dilation, stride):
    layer = ConvNormAct(2, 4, kernel, stride=stride, dilation=dilation)
    assert layer(torch.randn(1, 2, 9, 14)).shape == (1, 4, -(-9 // stride), -(-14 // stride))


def test_is_its_three_parts():
    torch.manual_seed(0)
    layer = ConvNormAct(4, 6, groups=2, activation=HardSwish, eps=0.1)
    x = torch.randn(2, 4, 5, 6)
    y = F.conv2d(x, layer.conv.weight, padding=1, groups=2)
    mean, variance = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(layer(x), F.hardswish((y - mean) / (variance + 0.1).sqrt()))


def test_no_activation_leaves_negative_values():
    assert (ConvNormAct(3, 8, activation=None)(torch.randn(2, 3, 6, 6)) < 0).any()


@pytest.mark.parametrize("activation", [nn.ReLU, ReLU6, HardSwish, nn.SiLU])
def test_overwriting_activations_change_neither_input_nor_gradient(activation):
    torch.manual_seed(0)
    layer = ConvNormAct(2, 3, activation=activation).double().eval()
    x = torch.randn(2, 2, 4, 5, dtype=torch.float64)
    before = x.clone()
    with torch.inference_mode():
        y = layer(x)
    torch.testing.assert_close(x, before, atol=0, rtol=0)
    torch.testing.assert_close(layer(x.requires_grad_()), y)
    assert torch.autograd.gradcheck(layer, x)


def test_weights_of_a_depthwise_convolution_start_as_large_as_their_reach_asks():
    """Of the C outputs an input channel of a depthwise convolution reaches one."""
    torch.manual_seed(0)
    weight = ConvNormAct(512, 512, groups=512).conv.weight
    assert weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"kernel": 4}, "choose an odd size"),
        ({"kernel": 0}, "choose an odd size"),
        ({"groups": 4}, "4 groups don't divide 6 input and 8 output"),
        ({"in_channels": 0}, "at least one channel"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        ConvNormAct(**{"in_channels": 6, "out_channels": 8, **arguments})


def test_a_single_value_a_channel_is_normalised_by_what_was_seen_before():
    norm = BatchNorm(2).train()
    norm.running_mean.copy_(torch.tensor([1.0, 2.0]))
    norm.running_var.copy_(torch.tensor([4.0, 9.0]))
    x = torch.tensor([5.0, 5.0]).view(1, 2, 1, 1).requires_grad_()
    y = norm(x)
    torch.testing.assert_close(y.flatten(), torch.tensor([2.0, 1.0]), atol=1e-4, rtol=1e-4)
    assert norm.num_batches_tracked == 0
    y.sum().backward()
    assert (x.grad != 0).all()


def test_two_values_a_channel_are_normalised_as_ever():
    ours, theirs = BatchNorm(3).train(), nn.BatchNorm2d(3).train()
    for shape in ((2, 3, 1, 1), (1, 3, 2, 1), (4, 3, 5, 6)):
        x = torch.randn(shape)
        torch.testing.assert_close(ours(x), theirs(x), atol=0, rtol=0)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), atol=0, rtol=0)
