"""Weights for three bands, made to fit others, answer an image of equal bands as before."""

from __future__ import annotations

import pytest
import torch

from spectile import networks
from spectile.errors import InputError


@pytest.fixture(scope="module")
def three() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return networks.create("mobilenet-v3-small", bands=3, classes=5, width=0.5).state_dict()


def answers(weights: dict[str, torch.Tensor], bands: int) -> torch.Tensor:
    network = networks.create("mobilenet-v3-small", bands=bands, classes=5, width=0.5).eval()
    network.load_state_dict(weights)
    grey = torch.randn(2, 1, 40, 33, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return network(grey.expand(-1, bands, -1, -1))


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 6, 7, 224])
def test_an_image_of_equal_bands_gets_the_same_answer(three, bands):
    adapted = networks.adapt_bands(three, bands)
    torch.testing.assert_close(answers(adapted, bands), answers(three, 3), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("old", "new"), [(5, 2), (2, 5), (13, 4), (4, 13)])
def test_holds_between_any_two_numbers_of_bands(old, new):
    torch.manual_seed(0)
    weights = {"backbone.stem.conv.weight": torch.randn(8, old, 3, 3)}
    adapted = networks.adapt_bands(weights, new)["backbone.stem.conv.weight"]
    assert adapted.shape == (8, new, 3, 3)
    torch.testing.assert_close(adapted.sum(1), weights["backbone.stem.conv.weight"].sum(1))


def test_new_bands_take_the_old_kernels_in_turn():
    kernels = torch.arange(1.0, 4.0).view(1, 3, 1, 1)
    more = networks.adapt_bands({"stem.conv.weight": kernels}, 5)["stem.conv.weight"]
    assert more.flatten().tolist() == [0.5, 1.0, 3.0, 0.5, 1.0]
    fewer = networks.adapt_bands({"stem.conv.weight": kernels}, 2)["stem.conv.weight"]
    assert fewer.flatten().tolist() == [4.0, 2.0]


def test_the_given_weights_stay_as_they_are(three):
    before = three["stem.conv.weight"].clone()
    same = networks.adapt_bands(three, 3)
    same["stem.conv.weight"].zero_()
    torch.testing.assert_close(three["stem.conv.weight"], before, atol=0, rtol=0)


def test_what_can_not_be_adapted_is_refused(three):
    with pytest.raises(InputError, match="choose at least one"):
        networks.adapt_bands(three, 0)
    hybrid = networks.create("hybridsn", bands=5, classes=2, window=9).state_dict()
    with pytest.raises(InputError, match=r"no stem\.conv\.weight"):
        networks.adapt_bands(hybrid, 4)
