"""The losses against their formulas, and that all of them can be followed down."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spectile.data.instances.objects import Objects
from spectile.networks.registry import create
from spectile.training.instances.losses import (
    MASKS,
    Positives,
    focal_loss,
    giou_loss,
    instance_losses,
    mask_loss,
)
from spectile.training.instances.targets import ImageTargets, image_targets

NOTHING = Objects.of_numbers(np.zeros((40, 51), np.int64))


def some_objects(height: int = 40, width: int = 51) -> Objects:
    numbers = np.zeros((height, width), np.int64)
    numbers[3:20, 5:19], numbers[22:38, 20:44] = 1, 2
    return Objects.of_numbers(numbers, classes=[1, 0])


def network(**options) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"channels": 16, "attention_size": 3, "mask_size": 7, "finest_stride": 4}
    return create("blendmask", bands=2, classes=2, backbone="resnet-18", **{**sizes, **options})


def images(count: int, *size: int) -> Tensor:
    return torch.randn(count, 2, *size, generator=torch.Generator().manual_seed(1))


def targets_of(*each: Objects) -> list[ImageTargets]:
    return [image_targets(objects, 7) for objects in each]


def test_focal_loss_is_the_formula() -> None:
    logits = torch.tensor([[-3.0, 0.0, 2.0]], dtype=torch.float64)
    for truth in (0.0, 1.0):
        found = focal_loss(logits, torch.full_like(logits, truth))[0].tolist()
        for value, logit in zip(found, (-3.0, 0.0, 2.0), strict=True):
            p = 1 / (1 + math.exp(-logit))
            expected = (
                -0.25 * (1 - p) ** 2 * math.log(p) if truth else -0.75 * p**2 * math.log(1 - p)
            )
            assert value == pytest.approx(expected)


def test_giou_is_that_of_the_boxes_drawn_out() -> None:
    generator = torch.Generator().manual_seed(0)
    found, truth = torch.rand(2, 50, 4, dtype=torch.float64, generator=generator) * 10
    for one, other, loss in zip(
        found.tolist(), truth.tolist(), giou_loss(found, truth).tolist(), strict=True
    ):
        a, b = ((-d[0], -d[1], d[2], d[3]) for d in (one, other))
        both = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
        around = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
        union = sum(areas) - both
        assert loss == pytest.approx(1 - both / union + (around - union) / around)
    assert giou_loss(truth, truth).abs().max() < 1e-9


def test_gradients_of_the_losses() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 2, dtype=torch.float64, generator=generator).requires_grad_()
    truth = (torch.rand(6, 2, generator=generator) > 0.5).double()
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, truth), logits)
    distances, boxes = torch.rand(2, 6, 4, dtype=torch.float64, generator=generator) + 0.1
    assert torch.autograd.gradcheck(lambda x: giou_loss(x, boxes), distances.requires_grad_())


@pytest.mark.parametrize("name", ["blend", "sum"])
@pytest.mark.parametrize(
    "each", [[NOTHING], [some_objects()], [NOTHING, some_objects()]], ids=["none", "one", "both"]
)
def test_every_weight_gets_a_finite_gradient_from_any_batch(name, each) -> None:
    net = network(assembly=name).train()
    losses = instance_losses(net, net(images(len(each), 40, 51)), targets_of(*each))
    assert all(loss.isfinite() and loss >= 0 for loss in losses)
    losses.total.backward()
    assert [key for key, weight in net.named_parameters() if weight.grad is None] == []
    assert all(weight.grad.isfinite().all() for weight in net.parameters())
    if all(not len(objects) for objects in each):
        assert [loss.item() for loss in losses[1:4]] == [0, 0, 0]


def test_what_is_said_right_costs_nothing_and_what_is_said_wrong_does() -> None:
    """Findings set to the truth, place by place, have no loss of class and box."""
    net, truth = network().train(), targets_of(some_objects(48, 48))
    with torch.no_grad():
        found = net(images(1, 48, 48))
        before = instance_losses(net, found, truth)
        for level in found.levels:
            level.classes.fill_(-20)
        finest = found.levels[0]  # all boxes reach less than 32 pixels
        for (left, top, right, bottom), name in zip(
            truth[0].boxes.tolist(), truth[0].classes.tolist(), strict=True
        ):
            for row in range(12):
                for column in range(12):
                    x, y = 4 * column + 2, 4 * row + 2
                    if max(abs(x - (left + right) / 2), abs(y - (top + bottom) / 2)) < 6:
                        finest.classes[0, name, row, column] = 20
                        reach = torch.tensor([x - left, y - top, right - x, bottom - y])
                        finest.distances[0, :, row, column] = reach
        after = instance_losses(net, found, truth)
    assert after.classes < 1e-6 < before.classes
    assert after.boxes < 1e-6 < before.boxes


def test_ignored_objects_cost_nothing_wherever_they_are_found() -> None:
    net = network().train()
    ignored = some_objects(48, 48)
    ignored.ignored[:] = True
    with torch.no_grad():
        found = net(images(1, 48, 48))
        for level in found.levels:
            level.classes.fill_(-20)
        found.levels[0].classes[0, 1, 1:4, 2:4] = 5.0  # within the first object
        quiet = instance_losses(net, found, targets_of(ignored)).classes
        counted = instance_losses(net, found, targets_of(NOTHING_SQUARE)).classes
    assert quiet < 1e-6 < counted


NOTHING_SQUARE = Objects.of_numbers(np.zeros((48, 48), np.int64))


def test_masks_are_weighed_by_centerness_and_no_more_than_so_many() -> None:
    net, truth = network().train(), targets_of(some_objects())
    with torch.no_grad():
        found = net(images(1, 40, 51))
        at = torch.tensor([30, 31])
        places = Positives(0 * at, at, torch.tensor([0, 1]), torch.ones(2, 4), torch.ones(2))
        one, other = (
            mask_loss(net, found, truth, Positives(*(part[n : n + 1] for part in places)))
            for n in (0, 1)
        )
        weighed = places._replace(weights=torch.tensor([0.75, 0.25]))
        both = mask_loss(net, found, truth, weighed)
        torch.testing.assert_close(both, 0.75 * one + 0.25 * other)
        many = Positives(*(part.repeat_interleave(MASKS, 0) for part in places))
        drawn = float(mask_loss(net, found, truth, many))
    assert min(float(one), float(other)) <= drawn <= max(float(one), float(other))
