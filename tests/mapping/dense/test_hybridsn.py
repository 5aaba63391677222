"""Dense mapping gives the numbers of the network run window by window."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectile import networks
from spectile.errors import InputError
from spectile.mapping.dense import densify
from spectile.mapping.patches import PatchByPatch

NAMES = ["hybridsn", "hybridsn-se", "hybridsn-2d", "hybridsn-3d"]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(
    bands=st.sampled_from([3, 13, 16]),
    window=st.sampled_from([9, 11, 15]),
    classes=st.integers(1, 5),
    height=st.integers(1, 9),
    width=st.integers(1, 40),
    spectral_branch=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 1000),
)
def test_equals_patches_in_double_precision(
    name: str,
    bands: int,
    window: int,
    classes: int,
    height: int,
    width: int,
    spectral_branch: float,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    network = networks.create(
        name, bands=bands, classes=classes, window=window, spectral_branch=spectral_branch
    )
    network = network.double().eval()
    x = torch.randn(1, bands, height + window - 1, width + window - 1, dtype=torch.float64)
    with torch.inference_mode():
        dense = densify(network, (window, window))(x)
        patches = PatchByPatch(network, (window, window), batch=7)(x)
    assert dense.shape == patches.shape == (1, classes, height, width)
    assert (dense - patches).abs().max() <= 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_equals_patches_of_the_published_size(name: str) -> None:
    torch.manual_seed(0)
    network = networks.create(name, bands=30, classes=16).eval()
    x = torch.randn(1, 30, 26, 31)
    with torch.inference_mode():
        dense = densify(network, (25, 25))(x)
        patches = PatchByPatch(network, (25, 25))(x)
        assert (dense - patches).abs().max() <= 1e-5
        assert torch.equal(dense.argmax(1), patches.argmax(1))
        exact = densify(network.double(), (25, 25))(x.double())
        assert (exact - PatchByPatch(network, (25, 25))(x.double())).abs().max() <= 1e-9


def test_dropout_left_on_in_training_does_not_reach_the_map() -> None:
    torch.manual_seed(0)
    network = networks.create("hybridsn-se", bands=13, classes=2, window=9).train()
    x = torch.randn(1, 13, 12, 12)
    dense = densify(network, (9, 9))
    with torch.inference_mode():
        assert torch.equal(dense(x), dense(x))


def test_another_window_than_the_networks_is_refused() -> None:
    network = networks.create("hybridsn", bands=13, classes=2, window=9)
    with pytest.raises(InputError, match="takes no windows of 11 x 11 pixels"):
        densify(network, (11, 11))
