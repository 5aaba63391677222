"""Bands, classes and window reach a class by what its arguments are called."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.networks import build_window_network
from spectile.networks.window_network import BoundToBandsError

SIZES = {"bands": 6, "classes": 3, "window": 5}


class Linear(nn.Module):
    """Remembers what it was called with."""

    def __init__(self, bands: int, classes: int, window: int, **told: Any) -> None:
        super().__init__()
        self.told = told
        self.linear = nn.Linear(bands * window * window, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1))


class DeepHyper(Linear):
    def __init__(self, input_channels: int, n_classes: int, patch_size: int = 7) -> None:
        super().__init__(input_channels, n_classes, patch_size)


class Camel(Linear):
    def __init__(self, inChannels: int, numClasses: int, windowSize: int) -> None:
        super().__init__(inChannels, numClasses, windowSize)


class Positions(Linear):
    def __init__(self, classes: int, band: int, img_size: int, *, heads: int = 2) -> None:
        super().__init__(band, classes, img_size, heads=heads)


class Strange(Linear):
    def __init__(self, NC: int, Classes: int, FM: int, P: int = 5) -> None:
        super().__init__(NC, Classes, P, FM=FM)


class Volume(nn.Module):
    """What `in_channels` means here are the feature maps that come in: one."""

    def __init__(self, in_channels: int = 1, num_classes: int = 16) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, 4, 3)
        self.linear = nn.Linear(4 * 4 * 3 * 3, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.conv(x).flatten(1))


def three(b: int, c: int, w: int) -> nn.Module:
    return Linear(b, c, w)


@pytest.mark.parametrize(
    "network",
    [
        Linear,
        DeepHyper,
        Camel,
        Positions,
        three,
        lambda *sizes: Linear(*sizes),
        lambda b, c, w, **more: Linear(b, c, w, **more),
        partial(Positions, heads=4),
        partial(Linear, window=5),
        Volume,
    ],
)
def test_sizes_are_given_as_they_are_called(network: Any) -> None:
    built = build_window_network(network, **SIZES)
    assert built(torch.randn(4, 6, 5, 5)).shape == (4, 3)


def test_options_say_the_rest_and_may_name_sizes() -> None:
    built = build_window_network(Strange, **SIZES, options={"NC": "bands", "FM": 16})
    assert (built.told, built.linear.in_features) == ({"FM": 16}, 6 * 25)
    built = build_window_network(Positions, **SIZES, options={"heads": 8})
    assert built.told == {"heads": 8}


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        (Strange, {}, "Strange needs NC and FM, which nobody said: give option NC=VALUE"),
        (Positions, {"hands": 2}, "Positions has no argument 'hands': it knows classes, band, img"),
        (Linear, {"window": 3}, r"can't take windows \(2, 6, 5, 5\)"),
        (lambda b, c: Linear(b, c, 5), {}, "needs b and c, which nobody said"),
    ],
)
def test_what_is_not_said_is_asked_for(network: Any, options: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build_window_network(network, **SIZES, options=options)


@pytest.mark.parametrize("network", [partial(Linear, 9), Linear(9, 3, 5), Volume])
def test_a_network_of_other_bands_tells_how_many(network: Any) -> None:
    with pytest.raises(BoundToBandsError) as caught:
        build_window_network(network, **{**SIZES, "bands": 8})
    assert caught.value.bands == (6 if network is Volume else 9)
    assert f"takes {caught.value.bands} bands and was to get 8" in str(caught.value)


def test_every_way_begins_with_the_same_chance() -> None:
    torch.manual_seed(4)
    volume = build_window_network(Volume, **SIZES).state_dict()  # the second way to call it
    torch.manual_seed(4)
    alone = Volume(num_classes=3).state_dict()
    assert all(torch.equal(volume[name], alone[name]) for name in alone)
