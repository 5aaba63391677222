"""What a map will take patch by patch is told before it is begun."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor, nn

from spectile.mapping.expected_time import (
    expected_time,
    notice_of_patches,
    rounded,
    seconds_patch_by_patch,
)
from spectile.networks import build_window_network


class Slow(nn.Module):
    """Takes a millisecond a window, and ten times that in the first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.begun = False

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1:] == (3, 5, 5)
        assert not self.training
        time.sleep(len(x) * (0.001 if self.begun else 0.01))
        self.begun = True
        return self.linear(x.mean((2, 3)))


def test_seconds_are_those_of_all_pixels() -> None:
    network = Slow().train()
    seconds = seconds_patch_by_patch(network, bands=3, window=5, pixels=50_000, batch=8)
    assert 50 <= seconds < 200
    assert network.training
    assert all(weight.grad is None for weight in network.parameters())
    assert network.double()
    assert seconds_patch_by_patch(network, bands=3, window=5, pixels=1, batch=2) < 1
    assert next(network.parameters()).dtype == torch.float64


def test_the_sentence_names_the_reason_and_the_time() -> None:
    said = expected_time("se-resnet-18", "its layer stem.conv pads", 145, 140, 41.3)
    assert said == (
        "se-resnet-18 can't be mapped densely (its layer stem.conv pads): its map of 145 x 140 "
        "pixels will take about 40 s patch by patch."
    )


def test_a_notice_comes_for_what_cant_be_shared() -> None:
    options = {"bands": 3, "window": 9, "height": 20, "width": 30}
    padded = build_window_network("mobilenet-v2", bands=3, classes=2, window=9)
    said = notice_of_patches(padded, "mobilenet-v2", **options)
    assert said is not None
    assert said.startswith("mobilenet-v2 can't be mapped densely (its layer stem.conv pads")
    assert "its map of 20 x 30 pixels will take about" in said
    shared = build_window_network("hybridsn", bands=3, classes=2, window=9)
    assert notice_of_patches(shared, "hybridsn", **options) is None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.2, "a second"),
        (7.4, "7 s"),
        (41.3, "40 s"),
        (119, "120 s"),
        (400, "6.7 minutes"),
        (3000, "50 minutes"),
        (7300, "2 hours"),
        (800_000, "222 hours"),
    ],
)
def test_no_more_digits_than_are_known(seconds: float, told: str) -> None:
    assert rounded(seconds) == told
