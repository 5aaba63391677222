"""Models whose network isn't the catalogue's: saved without code, loaded with the network given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.mapping.small_model import WINDOW, cube, small_model
from torch import nn

import spectile
from spectile import networks
from spectile.errors import InputError
from spectile.networks import insert_attention
from spectile.networks.window_network import build_window_network


def own(bands: int, classes: int, window: int, width: int = 8) -> nn.Module:
    """A network as users write it."""
    return nn.Sequential(
        nn.Conv2d(bands, width, 3),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * (window - 2) ** 2, classes),
    )


class Negated(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -x


def with_attention(bands: int, classes: int, window: int) -> nn.Module:
    network = networks.create("hybridsn-se", bands=bands, classes=classes, window=window)
    insert_attention(network, "eca", where="spatial")
    return network


def own_model(width: int = 8) -> spectile.Model:
    torch.manual_seed(3)
    network = own(3, 2, WINDOW, width).eval()
    return replace(small_model(), name="own", options={}, network=network)


def test_it_maps_as_before_with_a_function_or_a_module(tmp_path: Path) -> None:
    model, path = own_model(), tmp_path / "m.safetensors"
    model.save(path)
    expected = model.map(cube(), layers="probabilities").probabilities
    module = own(3, 2, WINDOW)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    for network in (own, module):
        loaded = spectile.load(path, network=network)
        assert (loaded.name, loaded.own_network) == ("own", True)
        found = loaded.map(cube(), layers="probabilities").probabilities
        np.testing.assert_array_equal(found, expected)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])  # the user's module stays as it is
    loaded.save(tmp_path / "again.safetensors")
    assert spectile.load(tmp_path / "again.safetensors", network=own).name == "own"


def test_it_is_built_with_the_options_that_it_was_saved_with(tmp_path: Path) -> None:
    model = replace(own_model(width=5), options={"width": 5})
    model.save(tmp_path / "m.safetensors")
    loaded = spectile.load(tmp_path / "m.safetensors", network=own)
    np.testing.assert_array_equal(loaded.map(cube()), model.map(cube()))


def test_a_spectral_branch_comes_back_with_it(tmp_path: Path) -> None:
    network = build_window_network(
        own, bands=3, classes=2, window=WINDOW, options={"spectral_branch": 0.3}
    ).eval()
    model = replace(own_model(), network=network, options={"spectral_branch": 0.3})
    model.save(tmp_path / "m.safetensors")
    loaded = spectile.load(tmp_path / "m.safetensors", network=own)
    expected = model.map(cube(), layers="probabilities").probabilities
    found = loaded.map(cube(), layers="probabilities").probabilities
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(found, own_model().map(cube(), layers="probabilities").probabilities)


def test_without_the_network_the_file_asks_for_it(tmp_path: Path) -> None:
    own_model().save(tmp_path / "m.safetensors")
    with pytest.raises(
        InputError,
        match=r"weights of own, a network of one's own, and not its code: give that by network",
    ):
        spectile.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda b, c, w: own(b, c, w, 9), r"0\.weight is 9 x 3 x 3 x 3 of float32, .* 8 x 3 x 3 x"),
        (lambda b, c, w: own(b, c, w).double(), r"0\.weight is .* of float64, .* of float32"),
        (lambda b, c, w: own(b, c, w)[:4], r"but gave \(2, 392\)"),
        (lambda b, c, w: nn.Sequential(*own(b, c, w), nn.Linear(c, c)), r"has 5\.weight, which"),
        (lambda b, c: own(b, c, 9), r"needs b and c, which nobody said"),
        (lambda b, c, w: "hybridsn", "gave a str, not an nn.Module"),
        (lambda b, c, w: nn.Sequential(*own(b, c, w), nn.Flatten(0)), r"but gave \(4,\)"),
        (lambda b, c, w: nn.Sequential(*own(b, c, w), Negated()), "computes something else with"),
        ("own", "names no code: write it as path/to/file.py:Name"),
        (3, "the network is a int: give an nn.Module"),
    ],
)
def test_another_network_is_refused_with_the_first_difference(
    tmp_path: Path, network: object, words: str
) -> None:
    own_model().save(tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=words):
        spectile.load(tmp_path / "m.safetensors", network=network)  # type: ignore[arg-type]


def test_a_changed_network_of_the_catalogue_is_saved_with_what_builds_it(tmp_path: Path) -> None:
    torch.manual_seed(4)
    path = tmp_path / "m.safetensors"
    changed = replace(small_model(), network=with_attention(3, 2, WINDOW).eval())
    with pytest.raises(InputError, match="save it with network="):
        changed.save(path)
    with pytest.raises(InputError, match="isn't hybridsn-se as it was saved: it lacks"):
        changed.save(path, network=small_model().network)
    assert not list(tmp_path.iterdir())
    changed.save(path, network=with_attention)
    loaded = spectile.load(path, network=changed.network)
    np.testing.assert_array_equal(loaded.map(cube()), changed.map(cube()))
