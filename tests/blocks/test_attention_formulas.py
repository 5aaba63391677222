"""Each attention block against its paper's formula, written out plainly."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spectile.blocks.cbam import CBAM
from spectile.blocks.coordinate_attention import CoordinateAttention
from spectile.blocks.double_attention import DoubleAttention
from spectile.blocks.efficient_channel_attention import EfficientChannelAttention, kernel_for
from spectile.blocks.expectation_maximisation import ExpectationMaximisation
from spectile.blocks.non_local import NonLocal
from spectile.blocks.scse import SpatialChannelExcitation
from spectile.blocks.strip_pooling import MixedPooling, StripPooling


@pytest.fixture(autouse=True)
def _fixed_weights() -> None:
    torch.manual_seed(0)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("channels", "kernel"), [(1, 1), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)]
)
def test_eca_reaches_as_far_as_the_paper_says(channels, kernel):
    assert kernel_for(channels) == kernel
    assert count(EfficientChannelAttention(channels)) == kernel


def test_eca_gate_sees_only_its_neighbours_in_the_channel_order():
    block = EfficientChannelAttention(16, kernel=3)
    x = torch.rand(1, 16, 2, 2)
    moved = x.clone()
    moved[:, 8] += 1
    changed = (block(moved) != block(x)).any(3).any(2).flatten()
    assert changed.nonzero().flatten().tolist() == [7, 8, 9]


def test_cbam_has_one_mlp_for_mean_and_max():
    block = CBAM(64).eval()
    assert count(block) == (64 * 4 + 4 + 4 * 64 + 64) + (2 * 49 + 2)
    x = torch.randn(2, 64, 5, 6)
    mean, largest = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    first, _, second = block.channel.mlp
    logits = sum(second(first(s).clamp(min=0)) for s in (mean, largest))
    gated = x * logits.sigmoid()
    seen = torch.stack([gated.amax(1), gated.mean(1)], 1)
    spatial = F.conv2d(seen, block.spatial.conv.weight, padding=3) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(block(x), gated * spatial.sigmoid())


@pytest.mark.parametrize("join", ["max", "sum"])
def test_scse_joins_both_gates(join):
    block = SpatialChannelExcitation(8, join=join)
    x = torch.randn(2, 8, 3, 5)
    by_channel, by_position = block.channel(x), x * block.spatial(x).sigmoid()
    both = torch.stack([by_channel, by_position])
    expected = both.amax(0) if join == "max" else both.sum(0)
    torch.testing.assert_close(block(x), expected)


def test_scse_refuses_another_join():
    with pytest.raises(ValueError, match="choose 'max' or 'sum'"):
        SpatialChannelExcitation(8, join="mean")  # type: ignore[arg-type]


def test_coordinate_attention_turns_with_the_image():
    block = CoordinateAttention(16).eval()
    turned = CoordinateAttention(16).eval()
    turned.load_state_dict(block.state_dict())
    turned.expand_rows, turned.expand_columns = turned.expand_columns, turned.expand_rows
    x = torch.randn(2, 16, 4, 7)
    torch.testing.assert_close(turned(x.mT).mT, block(x))


def test_coordinate_attention_is_a_gate_a_row_times_a_gate_a_column():
    block = CoordinateAttention(16).eval()
    x = torch.ones(1, 16, 4, 7) + torch.rand(1, 16, 4, 7)
    gate = block(x) / x
    assert torch.linalg.matrix_rank(gate[0], tol=1e-4).tolist() == [1] * 16


def wake(block: NonLocal) -> NonLocal:
    nn.init.ones_(block.norm.weight)
    return block.eval()


@pytest.mark.parametrize("pairwise", ["embedded-gaussian", "dot-product", "concatenation"])
@pytest.mark.parametrize("subsample", [True, False])
def test_non_local_gathers_by_the_papers_pairwise_function(pairwise, subsample):
    block = wake(NonLocal(6, pairwise, subsample))
    x = torch.randn(2, 6, 5, 4)
    pooled = nn.MaxPool2d(2) if subsample else nn.Identity()
    theta, phi, g = block.theta(x), pooled(block.phi(x)), pooled(block.g(x))
    y = torch.zeros(2, 3, 5, 4)
    for n in range(2):
        for i in range(20):
            query = theta[n].flatten(1)[:, i]
            keys, values = phi[n].flatten(1), g[n].flatten(1)
            if pairwise == "concatenation":
                scores = block.theta_score(query) + block.phi_score(keys.T).flatten()
                weights = scores.clamp(min=0) / keys.shape[1]
            else:
                scores = query @ keys
                softmax = pairwise == "embedded-gaussian"
                weights = scores.softmax(0) if softmax else scores / keys.shape[1]
            y[n].view(3, 20)[:, i] = values @ weights
    torch.testing.assert_close(block(x), x + block.norm(block.project(y)))


@pytest.mark.parametrize("training", [True, False])
def test_non_local_starts_as_the_identity_and_learns(training):
    block = NonLocal(6).train(training)
    x = torch.randn(2, 6, 5, 4)
    y = block(x)
    torch.testing.assert_close(y, x, atol=0, rtol=0)
    (y * torch.randn_like(y)).sum().backward()
    assert block.norm.weight.grad.abs().max() > 0


def test_non_local_refuses_another_pairing():
    with pytest.raises(ValueError, match="choose one of embedded-gaussian, dot-product"):
        NonLocal(6, "gaussian")  # type: ignore[arg-type]


def test_double_attention_gathers_over_positions_and_distributes_over_descriptors():
    block = DoubleAttention(8, width=3, descriptors=2)
    x = torch.randn(2, 8, 4, 5)
    y = torch.zeros(2, 3, 20)
    for n in range(2):
        feature, gather, distribute = (
            conv(x[n : n + 1])[0].flatten(1)
            for conv in (block.feature, block.gather, block.distribute)
        )
        descriptors = [feature @ gather[k].softmax(0) for k in range(2)]
        for position in range(20):
            share = distribute[:, position].softmax(0)
            y[n, :, position] = sum(s * d for s, d in zip(share, descriptors, strict=True))
    torch.testing.assert_close(block(x), x + block.project(y.view(2, 3, 4, 5)))


def test_strip_pooling_gates_by_row_and_column_means():
    block = StripPooling(4).eval()
    x = torch.randn(2, 4, 5, 7)
    unit = (1 + 1e-5) ** -0.5
    row_kernel, column_kernel = block.strips.rows[0].weight, block.strips.columns[0].weight
    rows = F.conv1d(x.mean(3), row_kernel[..., 0], padding=1) * unit
    columns = F.conv1d(x.mean(2), column_kernel[:, :, 0], padding=1) * unit
    strips = (rows[..., None] + columns[:, :, None]).clamp(min=0)
    torch.testing.assert_close(block(x), x * block.expand(strips).sigmoid())


def test_mixed_pooling_counts_the_authors_weights():
    """Two 1x1 to C/4, five 3x3, two strips of 3 and a 1x1 from C/2, a BatchNorm behind each."""
    narrow = 16
    convolutions = 2 * 64 * narrow + (5 * 9 + 2 * 3) * narrow**2 + 2 * narrow * 64
    assert count(MixedPooling(64)) == convolutions + 2 * (9 * narrow + 64)


def test_mixed_pooling_reaches_across_rows_and_columns_and_grids():
    block = MixedPooling(64).eval()
    x = torch.randn(1, 64, 24, 30, requires_grad=True)
    (block(x)[0, :, 3, 4] * torch.randn(64)).sum().backward()
    reached = x.grad[0].abs().amax(0) > 0
    assert reached[3].all()
    assert reached[:, 4].all()
    assert not reached.all()


def test_em_redraws_the_map_with_as_many_bases_as_it_has():
    block = ExpectationMaximisation(6, bases=2).eval()
    redrawn, _ = block._redraw(block.enter(torch.randn(1, 6, 5, 5)).flatten(2))
    assert torch.linalg.matrix_rank(redrawn[0], tol=1e-4) == 2


def test_em_bases_follow_the_batch_in_training_alone():
    block = ExpectationMaximisation(6, bases=3, momentum=0.75)
    x = torch.randn(4, 6, 5, 5)
    start = block.bases.clone()
    block.eval()
    block(x)
    torch.testing.assert_close(block.bases, start, atol=0, rtol=0)
    _, ended = block._redraw(block.enter(x).flatten(2))
    block.train()
    block(x)
    torch.testing.assert_close(block.bases, 0.75 * start + 0.25 * ended.mean(0, keepdim=True))
    torch.testing.assert_close(ended.norm(dim=1), torch.ones(4, 3))


def test_em_matches_the_iterations_written_out():
    block = ExpectationMaximisation(6, bases=3).eval()
    x = torch.randn(2, 6, 4, 5)
    entered = block.enter(x).flatten(2)
    redrawn = torch.zeros(2, 6, 20)
    for n in range(2):
        bases = block.bases[0]
        for _ in range(3):
            share = torch.stack([(entered[n, :, p] @ bases).softmax(0) for p in range(20)])
            bases = torch.stack(
                [
                    sum(share[p, k] * entered[n, :, p] for p in range(20)) / share[:, k].sum()
                    for k in range(3)
                ],
                1,
            )
            bases = bases / bases.norm(dim=0)
        redrawn[n] = bases @ share.T
    left = block.norm(block.leave(redrawn.view(2, 6, 4, 5).clamp(min=0)))
    torch.testing.assert_close(block(x), (x + left).clamp(min=0), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("momentum", [-0.1, 1.1])
def test_em_refuses_a_momentum_that_is_none(momentum):
    with pytest.raises(ValueError, match="between 0 and 1"):
        ExpectationMaximisation(6, momentum=momentum)
