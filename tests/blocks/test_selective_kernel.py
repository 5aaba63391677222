"""Selective kernel: the paper's formula, any branches, and memory."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from spectile.blocks import SelectiveKernel


def stacked(block: SelectiveKernel, x: Tensor) -> Tensor:
    """Equations 1 to 6 as they are often written down, with all branches in one tensor."""
    maps = torch.stack([branch(x) for branch in block.branches], 1)
    squeezed = maps.sum(1).mean((2, 3), keepdim=True)
    scores = block.select(block.fuse(squeezed)).unflatten(1, (len(block.branches), -1))
    return (maps * scores.softmax(1)).sum(1)


@pytest.mark.parametrize("fusion", ["paper", "simple"])
@pytest.mark.parametrize("kernels", [(3,), (3, 5), (1, 3, 5, 7)])
@pytest.mark.parametrize("dilated", [True, False])
def test_is_the_weighted_sum_of_its_branches(fusion, kernels, dilated):
    torch.manual_seed(0)
    block = SelectiveKernel(
        8, kernels=kernels, dilated=dilated, groups=2, floor=4, fusion=fusion
    ).train()
    nn.init.normal_(block.select.weight)
    x = torch.randn(3, 8, 9, 7)
    torch.testing.assert_close(block(x), stacked(block, x), atol=1e-5, rtol=1e-5)


def test_dilated_kernels_reach_as_far_as_real_ones():
    for dilated in (True, False):
        block = SelectiveKernel(4, kernels=(3, 5, 7), dilated=dilated).eval()
        for branch, kernel in zip(block.branches, (3, 5, 7), strict=True):
            x = torch.randn(1, 4, 15, 15, requires_grad=True)
            branch.conv(x)[..., 7, 7].sum().backward()
            rows = x.grad.abs().sum((0, 1, 3)).nonzero().flatten()
            assert rows.max() - rows.min() + 1 == kernel


def test_a_stride_and_a_dilation_are_those_of_all_branches():
    block = SelectiveKernel(4, stride=2, dilation=2)
    assert [branch.conv.dilation for branch in block.branches] == [(2, 2), (4, 4)]
    assert block(torch.randn(1, 4, 9, 12)).shape == (1, 4, 5, 6)


def test_the_fused_vector_has_the_floor_at_least():
    assert SelectiveKernel(128, reduction=16, floor=32).fuse.conv.out_channels == 32
    assert SelectiveKernel(1024, reduction=16, floor=32).fuse.conv.out_channels == 64


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (24, 8), (64, 32), (250, 2)])
def test_fits_any_channels(channels, groups):
    block = SelectiveKernel(channels).train()
    assert block.branches[0].conv.groups == groups
    assert block(torch.randn(1, channels, 3, 5)).shape == (1, channels, 3, 5)


def test_weights_say_how_much_of_each_branch_is_taken():
    torch.manual_seed(0)
    block = SelectiveKernel(8, groups=1).eval()
    nn.init.normal_(block.select.weight)
    x = torch.randn(2, 8, 6, 6)
    maps = [branch(x) for branch in block.branches]
    weights = block.weights(maps)
    assert weights.shape == (2, 2, 8, 1, 1)
    torch.testing.assert_close(weights.sum(0), torch.ones(2, 8, 1, 1))
    torch.testing.assert_close(block(x), maps[0] * weights[0] + maps[1] * weights[1])


def test_gradients_are_exact():
    torch.manual_seed(0)
    block = SelectiveKernel(4, groups=2, floor=4).double().eval()
    nn.init.normal_(block.select.weight)
    x = torch.randn(2, 4, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, x)


def peak(run, x: Tensor) -> int:
    """Bytes held at once, at most, by a forward and a backward pass."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run(x).sum().backward()
    events = profiler.profiler.kineto_results.events()
    memory = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(itertools.accumulate(size for _, size in memory))


def test_training_takes_a_quarter_less_memory_than_with_stacked_branches():
    block = SelectiveKernel(32).train()
    x = torch.randn(2, 32, 40, 40, requires_grad=True)
    assert peak(block, x) <= 0.75 * peak(lambda x: stacked(block, x), x)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"kernels": ()}, "odd kernel sizes"),
        ({"kernels": (3, 4)}, "odd kernel sizes"),
        ({"groups": 3}, "3 groups don't divide"),
        ({"reduction": 0}, "from 1 on"),
        ({"floor": 0}, "from 1 on"),
        ({"fusion": "papre"}, "choose 'paper' or 'simple'"),
    ],
)
def test_what_does_not_fit_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        SelectiveKernel(16, **options)
