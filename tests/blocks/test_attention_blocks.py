"""What every attention block promises, so that any of them fits where one fits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from spectile.blocks.attention import ATTENTION, attention
from spectile.blocks.non_local import NonLocal
from spectile.blocks.scse import SpatialChannelExcitation
from spectile.blocks.strip_pooling import MixedPooling

CHANNELS = 16
BUILDERS: dict[str, Callable[[int], nn.Module]] = {
    **ATTENTION,
    "non-local, dot product": partial(NonLocal, pairwise="dot-product"),
    "non-local, concatenation": partial(NonLocal, pairwise="concatenation"),
    "non-local, all keys": partial(NonLocal, subsample=False),
    "scse, sum": partial(SpatialChannelExcitation, join="sum"),
    "mixed-pooling": MixedPooling,
}
every_block = pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS.keys())


@pytest.fixture(autouse=True)
def _fixed_weights() -> None:
    torch.manual_seed(0)


def awake(block: nn.Module) -> nn.Module:
    """The block with gammas that are no longer zero, so that all of its paths show."""
    for part in block.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.1)
    return block


def image(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


@every_block
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 1), (7, 4), (23, 31)])
def test_trains_on_a_single_map_of_any_size(build, size):
    block = build(CHANNELS).train()
    x = image(1, CHANNELS, *size).requires_grad_()
    y = block(x)
    assert y.shape == x.shape
    y.square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in block.parameters())


@every_block
def test_an_image_does_not_depend_on_its_batch(build):
    block = awake(build(CHANNELS)).eval()
    batch = image(3, CHANNELS, 5, 6)
    alone = torch.cat([block(x) for x in batch.split(1)])
    torch.testing.assert_close(block(batch), alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(block(batch), block(batch), atol=0, rtol=0)


@every_block
def test_gradients_are_those_of_the_function(build):
    block = awake(build(CHANNELS)).double().eval()
    names = [name for name, _ in block.named_parameters()]

    def function(x: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(block, dict(zip(names, weights, strict=True)), (x,))

    weights = [p.detach().clone().requires_grad_() for p in block.parameters()]
    x = image(2, CHANNELS, 3, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(function, (x, *weights), fast_mode=True)


@every_block
def test_exports_for_any_batch_and_size(build):
    block = awake(build(CHANNELS)).eval()
    batch, height, width = (torch.export.Dim(name, min=4, max=64) for name in "nhw")
    exported = torch.export.export(
        block,
        (image(4, CHANNELS, 6, 7),),
        dynamic_shapes=({0: batch, 2: height, 3: width},),
    ).module()
    x = image(5, CHANNELS, 9, 4)
    torch.testing.assert_close(exported(x), block(x), atol=1e-5, rtol=1e-5)


@every_block
def test_compiles_without_a_break(build):
    block = awake(build(CHANNELS)).train()
    twin = copy.deepcopy(block)
    x = image(2, CHANNELS, 6, 5)
    compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), twin(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(block.state_dict(), twin.state_dict(), atol=1e-5, rtol=1e-5)


@every_block
def test_channels_last_gives_the_same(build):
    block = awake(build(CHANNELS)).eval()
    x = image(2, CHANNELS, 6, 5)
    last = copy.deepcopy(block).to(memory_format=torch.channels_last)
    y = last(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(y, block(x), atol=1e-5, rtol=1e-5)


@every_block
def test_trains_under_bfloat16_autocast(build):
    block = awake(build(CHANNELS)).train()
    x = image(2, CHANNELS, 6, 5)
    expected = copy.deepcopy(block)(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = block(x.bfloat16())
    assert y.dtype is torch.bfloat16
    torch.testing.assert_close(y.float(), expected, atol=0.15, rtol=0.1)
    y.float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in block.parameters())


@every_block
def test_weights_travel_in_the_state_dict(build):
    block = awake(build(CHANNELS)).train()
    block(image(4, CHANNELS, 6, 5))  # moves statistics and bases
    block.eval()
    other = build(CHANNELS).eval()
    other.load_state_dict(block.state_dict())
    x = image(2, CHANNELS, 6, 5)
    torch.testing.assert_close(other(x), block(x), atol=0, rtol=0)
    torch.testing.assert_close(copy.deepcopy(block)(x), block(x), atol=0, rtol=0)


@every_block
def test_no_channel_is_refused_in_a_sentence(build):
    with pytest.raises(ValueError, match="channel"):
        build(0)


@pytest.mark.parametrize("name", ["se", "cbam", "scse"])
def test_a_reduction_beyond_the_channels_says_what_to_choose(name):
    with pytest.raises(ValueError, match="choose a reduction between 1 and 8"):
        ATTENTION[name](8, reduction=9)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("typed", "meant"), [("SE", "se"), ("cbma", "cbam"), ("nonlocal", "non-local")]
)
def test_an_unknown_name_suggests_the_nearest(typed, meant):
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        attention(typed)


def test_a_hopeless_name_lists_all():
    with pytest.raises(ValueError, match=f"choose one of {', '.join(ATTENTION)}"):
        attention("xyz")
