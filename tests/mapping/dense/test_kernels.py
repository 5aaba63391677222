"""The fast forms of single computations against the plain ones."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from spectile.mapping.dense.kernels.convolution import Linear
from spectile.mapping.dense.kernels.gated_product import GatedProduct
from spectile.mapping.dense.kernels.pooling import window_maximum, window_sum
from spectile.mapping.dense.kernels.window_product import WindowProduct, block_length


@settings(max_examples=60, deadline=None)
@given(
    taps=st.tuples(st.integers(6, 13), st.integers(6, 13)),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    steps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels=st.integers(1, 4),
    outputs=st.integers(1, 5),
    bias=st.booleans(),
)
def test_product_by_transforms(
    taps: tuple[int, int],
    size: tuple[int, int],
    steps: tuple[int, int],
    channels: int,
    outputs: int,
    bias: bool,
) -> None:
    kernel = torch.randn(outputs, channels, *taps).double()
    shift = torch.randn(outputs).double() if bias else None
    shape = [edge + (k - 1) * step for edge, k, step in zip(size, taps, steps, strict=True)]
    x = torch.randn(*shape, channels).double()
    product = WindowProduct(kernel, shift, steps)
    assert product.by_transform
    plain = F.conv2d(x.permute(2, 0, 1)[None], kernel, shift, dilation=steps)[0].permute(1, 2, 0)
    assert (product(x) - plain).abs().max() <= 1e-10


def test_product_by_transforms_in_single_precision() -> None:
    torch.manual_seed(0)
    kernel, x = torch.randn(32, 16, 17, 17), torch.randn(90, 61, 16)
    fast = WindowProduct(kernel, None, (1, 1))(x)
    exact = F.conv2d(x.permute(2, 0, 1)[None].double(), kernel.double())[0].permute(1, 2, 0)
    plain = F.conv2d(x.permute(2, 0, 1)[None], kernel)[0].permute(1, 2, 0)
    # No worse than what oneDNN rounds.
    assert (fast - exact).abs().max() <= (plain - exact).abs().max()


def test_the_transform_is_made_anew_when_the_weights_move_to_another_type() -> None:
    kernel, x = torch.randn(3, 2, 7, 7), torch.randn(20, 20, 2)
    product = WindowProduct(kernel, None, (1, 1))
    single = product(x)
    double = product.double()(x.double())
    assert double.dtype == torch.float64
    assert (single - double).abs().max() <= 1e-4


@given(height=st.integers(1, 3000), width=st.integers(1, 3000), reach=st.integers(6, 40))
def test_a_block_holds_the_kernel(height: int, width: int, reach: int) -> None:
    assert block_length(height, width, reach, 64, 256) >= reach


@settings(max_examples=40, deadline=None)
@given(
    taps=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    size=st.tuples(st.integers(1, 30), st.sampled_from([1, 7, 50, 700])),
    steps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_a_gated_product(
    taps: tuple[int, int], size: tuple[int, int], steps: tuple[int, int]
) -> None:
    kernel = torch.randn(3, 5, *taps).double()
    shape = [edge + (k - 1) * step for edge, k, step in zip(size, taps, steps, strict=True)]
    x, gate = torch.randn(*shape, 5).double(), torch.randn(*size, 5).double()
    # A gate before the kernel is one behind each channel's part of the convolution.
    parts = F.conv2d(
        x.permute(2, 0, 1)[None],
        kernel.transpose(0, 1).reshape(15, 1, *taps),
        groups=5,
        dilation=steps,
    )
    plain = (parts.reshape(5, 3, *size) * gate.permute(2, 0, 1)[:, None]).sum(0).permute(1, 2, 0)
    assert (GatedProduct(kernel, steps)(x, gate) - plain).abs().max() <= 1e-10


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("shape", [(1, 1), (5, 131), (13, 77)])
def test_a_gated_product_in_fewer_digits(
    shape: tuple[int, int], dtype: torch.dtype, digits: float
) -> None:
    """By the library that multiplies these types fastest, which float64 doesn't go to."""
    torch.manual_seed(0)
    kernel, steps = torch.randn(37, 19, 5, 3) / 17, (2, 1)
    features = torch.randn(shape[0] + 8, shape[1] + 2, 19)
    gate = torch.rand(*shape, 19)
    product = GatedProduct(kernel, steps)
    exact = copy.deepcopy(product).double()(features.double(), gate.double())
    fast = product.to(dtype)(features.to(dtype), gate.to(dtype))
    assert fast.dtype == dtype
    assert (fast.double() - exact).abs().max() <= digits * exact.abs().max()


@pytest.mark.parametrize("bias", [torch.randn(7), None])
def test_a_linear_over_some_axes_in_single_precision(bias: Tensor | None) -> None:
    weight, x = torch.randn(7, 15), torch.randn(9, 4, 3, 2, 5)
    linear = Linear(weight, bias, [0, 1, 3], [4, 2])
    exact = F.linear(
        x.permute(0, 1, 3, 4, 2).reshape(9, 4, 2, 15).double(),
        weight.double(),
        None if bias is None else bias.double(),
    )
    assert (linear(x) - exact).abs().max() <= 1e-5
    scale, shift = torch.rand(7), torch.randn(7)
    linear.scaled(scale, shift)
    assert (linear(x) - (exact * scale + shift)).abs().max() <= 1e-5


def test_kernels_that_have_multiplied_are_copied_and_sent() -> None:
    linear = Linear(torch.randn(7, 5), None, [0, 1], [2])
    gated = GatedProduct(torch.randn(3, 4, 3, 3), (1, 1))
    x, features, gate = torch.randn(6, 6, 5), torch.randn(6, 6, 4), torch.rand(4, 4, 4)
    said = linear(x), gated(features, gate)
    for copied in (copy.deepcopy, lambda kernel: pickle.loads(pickle.dumps(kernel))):
        again = copied(linear)(x), copied(gated)(features, gate)
        assert all(torch.equal(one, other) for one, other in zip(said, again, strict=True))


@pytest.mark.parametrize("axis", [0, 1])
@given(values=st.integers(1, 20), step=st.integers(1, 4), more=st.integers(0, 9))
def test_sums_and_maxima_over_windows(axis: int, values: int, step: int, more: int) -> None:
    length = (values - 1) * step + 1 + more
    x = torch.randn((length, 3) if axis == 0 else (3, length)).double()
    windows = x.unfold(axis, (values - 1) * step + 1, 1)[..., ::step]
    assert (window_sum(x, axis, values, step) - windows.sum(-1)).abs().max() <= 1e-12
    assert torch.equal(window_maximum(x, axis, values, step), windows.amax(-1))
