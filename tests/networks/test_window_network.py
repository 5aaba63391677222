"""Whatever classifies windows is taken, and what doesn't is told what came out instead."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.networks import build_window_network, window_options

SIZES = {"bands": 4, "classes": 3, "window": 9}


class Own(nn.Module):
    """A user's network, whose end is up for change."""

    def __init__(self, bands: int, classes: int, window: int, *, end: nn.Module | None = None):
        super().__init__()
        self.conv = nn.Conv2d(bands, 8, 3)
        self.linear = nn.Linear(8 * (window - 2) ** 2, classes)
        self.end = end or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.linear(self.conv(x).flatten(1)))


@pytest.mark.parametrize("spectral_branch", [0.0, 0.3])
@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("hybridsn-se", {}),
        ("se-resnet-18", {}),
        ("mobilenet-v2", {"width": 0.25}),
        (Own(4, 3, 9), {}),
        (Own, {"end": nn.Identity()}),
        (lambda bands, classes, window: Own(bands, classes, window), {}),
    ],
)
def test_gives_logits_of_windows(network, options, spectral_branch) -> None:
    built = build_window_network(
        network, **SIZES, options={**options, "spectral_branch": spectral_branch}
    )
    assert built.training
    assert built(torch.randn(5, 4, 9, 9)).shape == (5, 3)


def test_small_windows_get_the_stem_for_small_images() -> None:
    built = build_window_network("se-resnet-18", **SIZES)
    assert built.get_parameter("stem.conv.weight").shape[-1] == 3
    assert window_options("se-resnet-18", 9) == {"stem": "cifar"}
    assert window_options("se-resnet-18", 9, {"stem": "imagenet"}) == {"stem": "imagenet"}
    assert window_options("hybridsn", 9, {"dropout": 0.1}) == {"window": 9, "dropout": 0.1}
    assert window_options("mobilenet-v2", 9) == {}


def test_a_module_is_copied_and_chance_stays_where_it_was() -> None:
    given = Own(4, 3, 9, end=nn.Dropout())
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    built = build_window_network(given, **SIZES)
    assert torch.equal(torch.rand(4), expected)
    with torch.no_grad():
        built.get_parameter("linear.weight").zero_()
    assert bool(given.linear.weight.any())


class Pixels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


@pytest.mark.parametrize(
    ("network", "options", "said"),
    [
        ("deeplab-v3-plus", {}, "deeplab-v3-plus classifies every pixel.*such as hybridsn"),
        ("blendmask", {}, "blendmask finds the objects of an image.*such as hybridsn"),
        ("hybridsn", {"stem": "cifar"}, "no option 'stem'"),
        (
            Own(4, 5, 9),
            {},
            r"Own has to turn windows \(2, 4, 9, 9\) into logits \(2, 3\).*\(2, 5\)",
        ),
        (Pixels(), {}, r"gave \(2, 3, 9, 9\), a class for every pixel: keep the pixel in the mid"),
        (Own(4, 3, 9, end=nn.Softmax(1)), {}, "gave probabilities: leave the softmax"),
        (Own(4, 3, 9, end=nn.Unflatten(1, (3, 1))), {}, r"gave \(2, 3, 1\): pool or flatten"),
        (Own(4, 3, 9, end=nn.Flatten(0)), {}, r"gave \(6,\)"),
        (Own(4, 3, 7), {}, r"Own can't take windows \(2, 4, 9, 9\).*build it for 4 bands"),
        (Own(4, 3, 9), {"end": 1}, "is built already and takes no options"),
        (Own, {"ned": 1}, "Own has no argument 'ned': it knows bands, classes, window, end"),
        (lambda bands, classes, window: Own, {}, "gave a type, not an nn.Module"),
    ],
)
def test_what_isnt_one_is_told_what_to_do(network, options, said) -> None:
    with pytest.raises(InputError, match=said):
        build_window_network(network, **SIZES, options=options)
