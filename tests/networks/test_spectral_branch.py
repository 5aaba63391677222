"""The spectral branch goes with any window network, and its weights stand beside the network's."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from spectile import networks
from spectile.errors import InputError
from spectile.mapping.dense import densify
from spectile.mapping.patches import PatchByPatch
from spectile.networks import WithSpectralBranch, build_window_network


class Own(nn.Module):
    """Its layers have names that the wrapper uses, too."""

    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__()
        self.network = nn.Conv2d(bands, 8, 3)
        self.classifier = nn.Linear(8 * (window - 2) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.relu(self.network(x)).flatten(1))


def small(name: str = "hybridsn-2d", logit_weight: float = 0.25) -> nn.Module:
    torch.manual_seed(0)
    return networks.create(name, bands=5, classes=3, window=9, spectral_branch=logit_weight)


def test_a_network_draws_the_same_weights_with_and_without() -> None:
    joined, windows = small().state_dict(), small(logit_weight=0.0).state_dict()
    assert list(joined)[: len(windows)] == list(windows)
    assert all(torch.equal(joined[name], weight) for name, weight in windows.items())
    assert {name.split(".")[0] for name in joined if name not in windows} == {"spectral_branch"}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_weights_come_back_by_their_names(nested: bool, copied: bool) -> None:
    torch.manual_seed(1)
    first, second = (
        build_window_network(
            Own, bands=5, classes=3, window=9, options={"spectral_branch": 0.5}
        ).eval()
        for _ in range(2)
    )
    if copied:
        first, second = copy.deepcopy(first), copy.deepcopy(second)
    x = torch.randn(2, 5, 9, 9)
    assert not torch.equal(first(x), second(x))
    if nested:
        weights = nn.ModuleDict({"network": first}).state_dict()
        assert "network.classifier.weight" in weights
        nn.ModuleDict({"network": second}).load_state_dict(weights)
    else:
        weights = first.state_dict()
        assert {"network.weight", "classifier.bias", "spectral_branch.0.weight"} < set(weights)
        second.load_state_dict(weights)
    assert torch.equal(first(x), second(x))


def test_missing_weights_are_named_as_in_the_file() -> None:
    weights = small().state_dict()
    del weights["classifier.7.bias"]
    with pytest.raises(RuntimeError, match=r'key\(s\) in state_dict: "classifier.7.bias"'):
        small().load_state_dict(weights)


@pytest.mark.parametrize("network", [Own, "hybridsn-se"])
def test_any_of_them_is_mapped_exactly(network: str | type[nn.Module]) -> None:
    torch.manual_seed(2)
    built = build_window_network(
        network, bands=5, classes=3, window=9, options={"spectral_branch": 0.4}
    )
    built = built.double().eval()
    x = torch.randn(1, 5, 17, 23, dtype=torch.float64)
    with torch.inference_mode():
        dense = densify(built, (9, 9))(x)
        assert (dense - PatchByPatch(built, (9, 9))(x)).abs().max() <= 1e-9


def test_networks_of_images_take_one() -> None:
    network = networks.create("mobilenet-v2", bands=5, classes=3, width=0.25, spectral_branch=0.5)
    assert isinstance(network, WithSpectralBranch)
    windows, x = network.network, torch.randn(2, 5, 9, 9)
    network.eval()
    spectra = network.spectral_branch(x[:, :, 4, 4])
    torch.testing.assert_close(network(x), (windows(x) + spectra) / 2)
    with pytest.raises(InputError, match="no option 'spectral_branch'"):
        networks.create("deeplab-v3-plus", bands=5, classes=3, spectral_branch=0.5)


def test_a_second_one_is_refused() -> None:
    with pytest.raises(InputError, match="has a spectral branch already"):
        WithSpectralBranch(small(), 0.5, bands=5, classes=3)


class Writing(Own):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.sub_(1).mul_(2))


def test_a_network_that_writes_into_its_windows_does_not_change_the_spectra() -> None:
    sizes = {"bands": 5, "classes": 3, "window": 7}
    joined = build_window_network(Writing, **sizes, options={"spectral_branch": 0.5}).eval()
    windows = torch.randn(2, 5, 7, 7)
    network = joined.network(windows.clone())
    branch = joined.spectral_branch(windows[:, :, 3, 3])
    torch.testing.assert_close(joined(windows.clone()), (network + branch) / 2)
