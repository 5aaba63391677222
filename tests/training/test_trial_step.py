"""What a fit would trip over is said before it, in a sentence."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.errors import InputError
from spectile.networks import build_window_network
from spectile.training.own_loss import try_loss
from spectile.training.trial_step import try_step

SIZES = {"bands": 4, "classes": 3, "window": 5}


class Plain(nn.Module):
    def __init__(self, bands: int = 4, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(bands, 8, 3)
        self.head = nn.Linear(8, classes)

    def features(self, x: Tensor) -> Tensor:
        return self.conv(x).sigmoid().mean((2, 3))

    def forward(self, x: Tensor) -> Any:
        return self.head(self.features(x))


class MoreInTraining(Plain):
    def forward(self, x: Tensor) -> Any:
        features = self.features(x)
        return (self.head(features), features) if self.training else self.head(features)


class FailsInTraining(Plain):
    def forward(self, x: Tensor) -> Any:
        assert not self.training, "not now"
        return super().forward(x)


class WithoutGradient(Plain):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Any:
        return super().forward(x)


class InPlace(Plain):
    def forward(self, x: Tensor) -> Any:
        features = self.features(x).sigmoid()
        logits = self.head(features)
        features.zero_()
        return logits


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (MoreInTraining(), r"mine gives a tuple in training, not logits \(4, 3\)"),
        (FailsInTraining(), r"mine can't take .* \(4, 4, 5, 5\) .* in training \(not now\)"),
        (Plain().double(), "mine can't take windows .* of float32 numbers in training"),
        (WithoutGradient(), "no gradient leads back through mine to a weight"),
        (InPlace(), "no gradient leads back through mine .one of the variables"),
    ],
)
def test_a_network_that_can_not_learn_is_refused(network: nn.Module, said: str) -> None:
    built = build_window_network(network, **SIZES)
    with pytest.raises(InputError, match=said):
        try_step(built, "mine", **SIZES)


def test_a_network_that_can_learn_leaves_chance_where_it_was() -> None:
    network = nn.Sequential(nn.Dropout(), Plain())
    chance = torch.get_rng_state()
    try_step(network, "mine", **SIZES)
    assert torch.equal(torch.get_rng_state(), chance)


def test_a_batch_of_one_window_may_be_too_small() -> None:
    normalised = nn.Sequential(nn.Conv2d(4, 3, 5), nn.Flatten(), nn.BatchNorm1d(3))
    try_step(normalised, "mine", **SIZES)
    with pytest.raises(InputError, match=r"\(1, 4, 5, 5\) .*: choose a larger b"):
        try_step(normalised, "mine", **SIZES, batch=1)


def apart(outputs: Tensor, classes: Tensor, windows: Tensor) -> Tensor:
    return torch.tensor(1.0, requires_grad=True)


def test_a_loss_that_teaches_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no gradient leads back through the loss apart to a"):
        try_loss(apart, "apart", Plain(), **SIZES)
    with pytest.raises(InputError, match=r"the network can't take windows .* in training \(not"):
        try_loss(F.cross_entropy, "it", FailsInTraining(), **SIZES)


def test_a_loss_gets_windows_that_the_network_did_not_write_into() -> None:
    class Writes(Plain):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x.zero_())

    def seen(outputs: Tensor, classes: Tensor, windows: Tensor) -> Tensor:
        assert windows.any()
        return F.cross_entropy(outputs, classes)

    try_loss(seen, "seen", Writes(), **SIZES)
