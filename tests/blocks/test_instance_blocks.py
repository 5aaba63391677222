"""Parts of networks of instances against what the papers say, written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from spectile.blocks import (
    ConvNormAct,
    FCOSHead,
    FeaturePyramid,
    blend,
    group_norm,
    group_normalised,
    non_maximum_suppression,
    roi_align,
)
from spectile.blocks.blender import weighted_sum
from spectile.blocks.fcos_head import places


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def plain_roi_align(maps: Tensor, box: list[float], image: int, size: int, stride: float) -> Tensor:
    """Cell by cell; the four values around a cell's middle, weighed by how near they are."""
    height, width = maps.shape[2:]
    left, top, right, bottom = box
    out = torch.empty(maps.shape[1], size, size, dtype=maps.dtype)
    for row in range(size):
        for column in range(size):
            y = (top + (bottom - top) * (row + 0.5) / size) / stride - 0.5
            x = (left + (right - left) * (column + 0.5) / size) / stride - 0.5
            y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
            above, before = int(y), int(x)
            below, behind = min(above + 1, height - 1), min(before + 1, width - 1)
            down, along = y - above, x - before
            out[:, row, column] = (
                (1 - down) * (1 - along) * maps[image, :, above, before]
                + (1 - down) * along * maps[image, :, above, behind]
                + down * (1 - along) * maps[image, :, below, before]
                + down * along * maps[image, :, below, behind]
            )
    return out


BOXES = [[0.0, 0.0, 9.0, 13.0], [3.2, 1.7, 11.9, 4.1], [-4.0, 8.0, 30.0, 40.0], [5.0, 5.0, 5.5, 6]]


def test_roi_align_is_bilinear_sampling_written_out() -> None:
    maps, images = drawn(3, 2, 7, 5), [0, 0, 2, 2]
    boxes = torch.tensor(BOXES, dtype=torch.float64)
    found = roi_align(maps, boxes, torch.tensor(images), 6, 2.0)
    for each, box, image in zip(found, BOXES, images, strict=True):
        torch.testing.assert_close(each, plain_roi_align(maps, box, image, 6, 2.0))


def test_roi_align_of_a_ramp_is_where_the_cells_lie() -> None:
    """Nothing is off by half a pixel: values that are positions come out as positions."""
    ramp = (torch.arange(8, dtype=torch.float64) + 0.5).mul(4).expand(1, 1, 8, 8)
    found = roi_align(
        ramp, torch.tensor([[6.0, 2.0, 22.0, 26.0]]).double(), torch.tensor([0]), 4, 4.0
    )
    assert found[0, 0, 0].tolist() == [8, 12, 16, 20]


def test_roi_align_of_no_box_and_its_gradient() -> None:
    maps = drawn(2, 2, 4, 3).requires_grad_()
    none = roi_align(maps, torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), 5, 1.0)
    assert none.shape == (0, 2, 5, 5)
    boxes = torch.tensor(BOXES, dtype=torch.float64)[:2]
    assert torch.autograd.gradcheck(
        lambda maps: roi_align(maps, boxes, torch.tensor([0, 1]), 3, 2.5), maps
    )


def greedy(boxes: list[list[float]], scores: list[float], classes: list[int], most: float) -> list:
    """The loop of the textbook."""
    order = sorted(range(len(boxes)), key=lambda place: -scores[place])
    kept: list[int] = []
    for place in order:
        for other in kept:
            one, two = boxes[place], boxes[other]
            wide = max(0, min(one[2], two[2]) - max(one[0], two[0]))
            high = max(0, min(one[3], two[3]) - max(one[1], two[1]))
            areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, two))
            union = areas - wide * high
            if classes[place] == classes[other] and union and wide * high > most * union:
                break
        else:
            kept.append(place)
    return kept


corners = st.tuples(*(st.integers(0, 12) for _ in range(2)), *(st.integers(0, 9) for _ in range(2)))
found_boxes = st.lists(st.tuples(corners, st.integers(0, 5), st.integers(0, 1)), max_size=25)


@settings(max_examples=200, deadline=None)
@given(found=found_boxes, most=st.sampled_from([0.0, 0.25, 0.4, 0.6]))
def test_suppression_is_the_greedy_loop(found, most) -> None:
    boxes = [[x, y, x + w, y + h] for (x, y, w, h), _, _ in found]
    scores, classes = [score / 5 for _, score, _ in found], [name for _, _, name in found]
    kept = non_maximum_suppression(
        torch.tensor(boxes, dtype=torch.float64).view(-1, 4),
        torch.tensor(scores),
        torch.tensor(classes),
        most,
    )
    assert kept.tolist() == greedy(boxes, scores, classes, most)


def test_a_chain_of_boxes_is_undone_link_by_link() -> None:
    """Each overlaps with the next alone: every other one stays, which takes as many rounds."""
    count = 50
    left = torch.arange(count) * 4.0
    boxes = torch.stack([left, 0 * left, left + 10, 0 * left + 1], 1)
    scores = torch.linspace(1, 0.5, count)
    kept = non_maximum_suppression(boxes, scores, torch.zeros(count), 0.3)
    assert kept.tolist() == list(range(0, count, 2))


def test_blending_is_the_formula() -> None:
    bases, attention = drawn(3, 4, 6, 6), drawn(3, 4, 2, 2, seed=1)
    found = blend(bases, attention)
    for one in range(3):
        for row in range(6):
            for column in range(6):
                # Cells of 3: a middle lies (row + 0.5) / 3 - 0.5 from the first of attention.
                y, x = (min(max((at + 0.5) / 3 - 0.5, 0), 1) for at in (row, column))
                (a, b), (c, d) = attention[one].unbind(1)[0].T, attention[one].unbind(1)[1].T
                numbers = (1 - y) * ((1 - x) * a + x * b) + y * ((1 - x) * c + x * d)
                weights = np.exp(numbers.numpy()) / np.exp(numbers.numpy()).sum()
                expected = (weights * bases[one, :, row, column].numpy()).sum()
                assert float(found[one, row, column]) == pytest.approx(expected, rel=1e-12)


def test_blending_weighs_with_a_sum_of_one_and_the_plain_sum_does_not() -> None:
    bases = torch.ones(2, 3, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(blend(bases, drawn(2, 3, 2, 2)), torch.ones(2, 4, 4).double())
    numbers = drawn(2, 3, 1, 1)
    torch.testing.assert_close(weighted_sum(bases, numbers)[:, 0, 0], numbers.tanh().sum((1, 2, 3)))


@pytest.mark.parametrize(("assemble", "cells"), [(blend, 2), (weighted_sum, 1)])
def test_gradients_of_masks(assemble, cells) -> None:
    inputs = drawn(2, 3, 4, 4).requires_grad_(), drawn(2, 3, cells, cells, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(assemble, inputs)


@pytest.mark.parametrize("size", [(1, 1), (64, 96), (65, 97)])
@pytest.mark.parametrize("levels", [2, 3, 5])
def test_each_level_is_half_of_the_one_before(size, levels) -> None:
    height, width = size
    maps = [torch.randn(1, c, -(-height // s), -(-width // s)) for c, s in ((3, 1), (4, 2), (5, 4))]
    found = FeaturePyramid([3, 4, 5], 8, levels)(maps)
    assert [tuple(level.shape) for level in found] == [
        (1, 8, -(-height // 2**n), -(-width // 2**n)) for n in range(levels)
    ]


def test_the_pyramid_adds_the_coarser_map_cell_on_cell() -> None:
    pyramid = FeaturePyramid([1, 1], 1, 2).double()
    for layer in (*pyramid.lateral, *pyramid.smooth):
        nn.init.dirac_(layer.weight)
    fine, coarse = drawn(1, 1, 5, 7), drawn(1, 1, 3, 4, seed=1)
    found = pyramid([fine, coarse])[0]
    for row in range(5):
        for column in range(7):
            expected = fine[0, 0, row, column] + coarse[0, 0, row // 2, column // 2]
            torch.testing.assert_close(found[0, 0, row, column], expected)


def test_parameters_of_pyramid_and_head_are_those_of_the_papers() -> None:
    with torch.device("meta"):
        pyramid = FeaturePyramid([512, 1024, 2048])
        head = FCOSHead(256, 80, (8, 16, 32, 64, 128))
    convolution = 9 * 256 * 256
    assert count(pyramid) == 256 * (512 + 1024 + 2048 + 3) + 5 * (convolution + 256)
    # 4 + 4 convolutions with scale and shift, then 80 classes, 4 distances and centerness.
    towers = 8 * (convolution + 2 * 256)
    assert count(head) == towers + 9 * 256 * (80 + 4 + 1) + 80 + 4 + 1 + 5


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_before_training_every_class_has_the_prior() -> None:
    torch.manual_seed(0)
    head = FCOSHead(16, 3, (8, 16))
    with torch.no_grad():
        found = head([torch.randn(2, 16, 5, 4), torch.randn(2, 16, 3, 2)])
    assert [level.classes.shape for level in found] == [(2, 3, 5, 4), (2, 3, 3, 2)]
    for level, stride in zip(found, (8, 16), strict=True):
        assert level.classes.sigmoid().mean() == pytest.approx(0.01, rel=0.3)
        assert level.distances.mean() == pytest.approx(stride, rel=0.3)
        assert level.distances.min() > 0


def test_places_lie_half_a_stride_in() -> None:
    assert places(2, 2, 8, torch.zeros(1)).tolist() == [[4, 4], [12, 4], [4, 12], [12, 12]]


@pytest.mark.parametrize(("channels", "groups"), [(256, 32), (64, 16), (48, 12), (6, 1), (1, 1)])
def test_groups_are_alike_and_of_four_channels_at_least(channels, groups) -> None:
    assert group_norm(channels).num_groups == groups


def test_a_network_normalised_in_groups_does_not_know_its_batch() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(ConvNormAct(3, 8), ConvNormAct(8, 8))
    names = {name for name, _ in net.named_parameters()}
    net = group_normalised(net).train()
    assert {name for name, _ in net.named_parameters()} == names
    assert not list(net.buffers())
    x = torch.randn(3, 3, 6, 6)
    torch.testing.assert_close(net(x), torch.cat([net(one[None]) for one in x]))


@pytest.mark.parametrize(
    "build",
    [
        lambda: FeaturePyramid([]),
        lambda: FeaturePyramid([3], 0),
        lambda: FCOSHead(8, 0, (8,)),
        lambda: FCOSHead(8, 1, ()),
    ],
)
def test_nothing_of_nothing_is_refused(build) -> None:
    with pytest.raises(ValueError, match=r"at least one level, class|at least one map"):
        build()
