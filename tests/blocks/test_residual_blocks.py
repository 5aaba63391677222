"""What the blocks of residual and mobile networks compute, beside what their networks show."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import nn

from spectile.blocks import (
    BasicBlock,
    Bottleneck,
    ConvNormAct,
    DepthwiseSeparable,
    InvertedResidual,
    Res2,
    SelectiveKernel,
    SqueezeExcitation,
    StochasticDepth,
)
from spectile.blocks.stochastic_depth import depth_rates

BLOCKS = {
    "selective": lambda stride=1: Bottleneck(
        6, 4, 10, SelectiveKernel(4, stride=stride), stride=stride
    ),
    "basic": lambda **o: BasicBlock(6, 10, **o),
    "bottleneck": lambda stride=1: Bottleneck(
        6, 4, 10, ConvNormAct(4, 4, stride=stride), stride=stride
    ),
    "res2": lambda **o: Bottleneck(6, 8, 10, Res2(2, 4, first=True, **o), **o),
    "separable": partial(DepthwiseSeparable, 6, 10),
    "inverted": partial(InvertedResidual, 6, 10, expanded=12),
    "attentive": partial(
        InvertedResidual, 6, 10, expanded=12, attention=partial(SqueezeExcitation, reduction=4)
    ),
}
every_block = pytest.mark.parametrize("build", BLOCKS.values(), ids=BLOCKS.keys())


@every_block
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (7, 10)])
def test_trains_on_one_map_of_any_size(build, stride, size):
    block = build(stride=stride).train()
    x = torch.randn(1, 6, *size, requires_grad=True)
    y = block(x)
    assert y.shape == (1, 10, -(-size[0] // stride), -(-size[1] // stride))
    y.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in block.parameters())


@every_block
def test_inference_gives_what_evaluation_with_gradients_gives(build):
    """Maps are overwritten only where no gradient is taken; neither way may change an input."""
    torch.manual_seed(0)
    block = build(stride=1).eval()
    x = torch.randn(2, 6, 5, 4)
    before = x.clone()
    with torch.inference_mode():
        y = block(x)
    torch.testing.assert_close(block(x), y, atol=0, rtol=0)
    torch.testing.assert_close(x, before, atol=0, rtol=0)


@every_block
def test_exports_for_any_batch_and_size(build):
    block = build(stride=2).eval()
    dynamic = dict.fromkeys((0, 2, 3), torch.export.Dim.AUTO)
    exported = torch.export.export(block, (torch.randn(2, 6, 8, 9),), dynamic_shapes=(dynamic,))
    x = torch.randn(3, 6, 17, 14)
    torch.testing.assert_close(exported.module()(x), block(x), atol=1e-5, rtol=1e-5)


@every_block
def test_a_training_step_compiles_without_a_break(build):
    block = build(stride=1).train()
    twin = copy.deepcopy(block)
    x = torch.randn(2, 6, 8, 9)
    torch.compile(block, fullgraph=True, backend="aot_eager")(x).square().sum().backward()
    twin(x).square().sum().backward()
    for ours, theirs in zip(block.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(block.state_dict(), twin.state_dict())


def test_a_block_that_adds_nothing_passes_its_input_on():
    for block in (
        BasicBlock(8, 8),
        Bottleneck(8, 4, 8, ConvNormAct(4, 4)),
        InvertedResidual(8, 8, expanded=16),
    ):
        last = [part for part in block.modules() if isinstance(part, nn.BatchNorm2d)][-1]
        nn.init.zeros_(last.weight)
        x = torch.rand(2, 8, 3, 5)
        torch.testing.assert_close(block(x), x)


def test_an_inverted_residual_adds_only_where_shapes_agree():
    x = torch.rand(2, 8, 4, 4)
    for block in (InvertedResidual(8, 6, expanded=8), InvertedResidual(8, 8, expanded=8, stride=2)):
        nn.init.zeros_(block.project.norm.weight)
        assert (block(x) == 0).all()


def test_the_gate_that_an_addition_overwrites_would_lose_its_gradient():
    """A gate's gradient needs its output: the shortcut may not be added into it."""

    class Gate(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(x)

    block = BasicBlock(4, 4, attention=lambda channels: Gate()).double().eval()
    x = torch.randn(1, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, x)


def test_res2_parts_see_the_part_before_them():
    torch.manual_seed(0)
    block = Res2(2, 4).eval()
    x = torch.randn(1, 8, 5, 5)
    parts = x.split(2, 1)
    expected = [block.convs[0](parts[0])]
    for part, conv in zip(parts[1:], block.convs[1:], strict=False):
        expected.append(conv(part + expected[-1]))
    torch.testing.assert_close(block(x), torch.cat([*expected, parts[3]], 1))


def test_res2_refuses_a_stride_inside_a_stage():
    with pytest.raises(ValueError, match="set first=True"):
        Res2(2, 4, stride=2)
    with pytest.raises(ValueError, match="at least 2 parts"):
        Res2(2, 1)


def test_stochastic_depth_drops_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    drop = StochasticDepth(0.25).train()
    y = drop(torch.ones(4000, 2, 3, 1))
    per_sample = y.flatten(1)
    assert ((per_sample == 0).all(1) | (per_sample == 1 / 0.75).all(1)).all()
    assert y.mean().item() == pytest.approx(1, abs=0.05)
    x = torch.randn(2, 3, 4, 4)
    assert drop.eval()(x) is x


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_stochastic_depth_refuses_to_drop_everything(rate):
    with pytest.raises(ValueError, match="choose 0 to below 1"):
        StochasticDepth(rate)


def test_deeper_blocks_are_dropped_more_often():
    assert depth_rates(4, 0.2) == pytest.approx([0.05, 0.1, 0.15, 0.2])
