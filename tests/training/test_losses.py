"""Losses against the papers' formulas, written plainly in float64; what is ignored is ignored."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from spectile.errors import InputError
from spectile.training.losses import (
    LossName,
    cross_entropy,
    dice_loss,
    focal_loss,
    segmentation_loss,
)

CLASSES = 4
NAMES = get_args(LossName)
SHAPES = [(9,), (2, 5, 6)]


@pytest.fixture(params=SHAPES, ids=["images", "pixels"])
def batch(request) -> tuple[Tensor, Tensor]:
    """Logits and targets, some of them ignored, the last class absent."""
    chance = torch.Generator().manual_seed(0)
    count, *size = request.param
    logits = torch.randn(count, CLASSES, *size, generator=chance, dtype=torch.float64)
    return logits, torch.randint(-1, CLASSES - 1, request.param, generator=chance)


@pytest.fixture(params=[False, True], ids=["alike", "weighed"])
def weights(request) -> Tensor | None:
    return torch.tensor([0.5, 2.0, 1.0, 7.0], dtype=torch.float64) if request.param else None


def pixels(logits: Tensor, target: Tensor) -> list[tuple[list[float], int]]:
    """Probabilities and class of every labelled pixel."""
    flat = logits.movedim(1, -1).reshape(-1, CLASSES).tolist()
    return [
        ([math.exp(value) / sum(map(math.exp, row)) for value in row], place)
        for row, place in zip(flat, target.flatten().tolist(), strict=True)
        if place >= 0
    ]


def plain_focal(logits: Tensor, target: Tensor, weights: Tensor | None, gamma: float) -> float:
    weight = [1.0] * CLASSES if weights is None else weights.tolist()
    labelled = pixels(logits, target)
    total = sum(-weight[k] * (1 - p[k]) ** gamma * math.log(p[k]) for p, k in labelled)
    return total / sum(weight[k] for _, k in labelled)


def plain_dice(logits: Tensor, target: Tensor, weights: Tensor | None) -> float:
    weight = [1.0] * CLASSES if weights is None else weights.tolist()
    labelled = pixels(logits, target)
    total = present = 0.0
    for k in {place for _, place in labelled}:
        shared = sum(p[k] for p, place in labelled if place == k)
        extent = sum(p[k] ** 2 + (place == k) for p, place in labelled)
        total += weight[k] * (1 - 2 * shared / extent)
        present += weight[k]
    return total / present


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_the_papers(batch, weights, gamma):
    found = focal_loss(*batch, weights, gamma=gamma)
    assert float(found) == pytest.approx(plain_focal(*batch, weights, gamma), rel=1e-12)


def test_dice_is_the_papers(batch, weights):
    assert float(dice_loss(*batch, weights)) == pytest.approx(
        plain_dice(*batch, weights), rel=1e-12
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_pytorchs(batch, weights, smoothing):
    expected = F.cross_entropy(
        *batch, weights, ignore_index=-1, label_smoothing=smoothing, reduction="mean"
    )
    torch.testing.assert_close(cross_entropy(*batch, weights, smoothing), expected)


def test_focal_without_gamma_is_cross_entropy(batch, weights):
    torch.testing.assert_close(
        focal_loss(*batch, weights, gamma=0), cross_entropy(*batch, weights), rtol=1e-12, atol=0
    )


def test_names_are_what_they_say(batch, weights):
    by_name = {name: segmentation_loss(name, *batch, weights) for name in NAMES}
    assert by_name["focal"] == focal_loss(*batch, weights)
    assert by_name["dice"] == dice_loss(*batch, weights)
    assert by_name["cross-entropy"] == cross_entropy(*batch, weights)
    assert by_name["cross-entropy+dice"] == by_name["cross-entropy"] + by_name["dice"]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_right(name, batch, weights):
    logits, target = batch
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: segmentation_loss(name, x, target, weights), logits)


@pytest.mark.parametrize("name", NAMES)
def test_ignored_pixels_have_no_part(name, batch, weights):
    logits, target = batch
    expected = segmentation_loss(name, logits, target, weights)
    ignored = (target < 0).unsqueeze(1).expand_as(logits)
    noisy = torch.where(ignored, 50 * torch.randn_like(logits), logits).requires_grad_()
    loss = segmentation_loss(name, noisy, target, weights)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    loss.backward()
    assert not noisy.grad[ignored].any()
    assert noisy.grad[~ignored].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_labels_costs_nothing_and_teaches_nothing(name, dtype, weights):
    logits = torch.randn(2, CLASSES, 3, 3, dtype=dtype, requires_grad=True)
    weights = None if weights is None else weights.float()
    loss = segmentation_loss(name, logits, torch.full((2, 3, 3), -1), weights)
    assert loss == 0
    loss.backward()
    assert not logits.grad.any()


@pytest.mark.parametrize("name", NAMES)
def test_a_sure_network_has_a_finite_gradient(name):
    logits = torch.tensor([[200.0, -200, 0, 0], [-200, 200, 0, 0]], requires_grad=True)
    for target, best in ((torch.tensor([0, 1]), 0.0), (torch.tensor([1, 0]), None)):
        loss = segmentation_loss(name, logits, target)
        assert best is None or float(loss.detach()) == pytest.approx(best, abs=1e-6)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert gradient.isfinite().all()


def test_a_focal_power_below_one_is_finite_where_nothing_is_in_doubt():
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0]), gamma=0.5).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_sums_over_many_pixels(name):
    """The sum of a million probabilities is beyond what half precision counts."""
    chance = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 512, 512, generator=chance).bfloat16()
    target = torch.randint(2, (1, 512, 512), generator=chance)
    expected = segmentation_loss(name, logits.double(), target)
    found = segmentation_loss(name, logits, target)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=0)


def test_a_rare_class_weighs_as_much_in_dice_as_a_common_one():
    target = torch.zeros(1, 20, 20, dtype=torch.long)
    target[0, 0, :2] = 1
    logits = torch.zeros(1, 2, 20, 20)
    logits[:, 0] = 20  # all common
    assert float(dice_loss(logits, target)) == pytest.approx(0.5, abs=0.01)
    assert float(cross_entropy(logits, target)) == pytest.approx(20 * 2 / 400, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("jaccard",), "choose one of cross-entropy, focal"),
        (("dice", None, 0.1), "no label smoothing"),
        (("focal", None, 0.1), "no label smoothing"),
    ],
)
def test_what_there_is_not_is_refused(arguments, reason):
    name, *more = arguments
    with pytest.raises(InputError, match=reason):
        segmentation_loss(name, torch.zeros(1, 2), torch.zeros(1, dtype=torch.long), *more)


def test_a_negative_gamma_is_refused():
    with pytest.raises(InputError, match="choose 0 or more"):
        focal_loss(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long), gamma=-1)
