"""How unlike training a pixel is: as the network sees it, and in the model file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests.mapping.small_model import small_model
from torch import Tensor, nn

from spectile.data.scene_sample import BandStatistics
from spectile.errors import InputError
from spectile.model.applicability import Applicability, upper_whisker
from spectile.model.file import load
from spectile.model.header import METADATA_KEY
from spectile.model.sensitivity import sensitive_directions


def known(components: int = 3) -> Applicability:
    random = np.random.default_rng(0)
    spectra = random.normal(0, 1, (20, components)).astype(np.float32)
    return Applicability(spectra, np.eye(components, dtype=np.float32), 2.0, 0.5, 0.03)


def test_the_index_is_the_distance_to_the_nearest_by_the_mean_distance() -> None:
    applicability = known()
    directions = np.diag([2, 1, 0]).astype(np.float32)  # the last component doesn't count
    applicability = replace(applicability, directions=directions)
    np.testing.assert_allclose(applicability.dissimilarity(applicability.spectra), 0, atol=1e-3)
    off = applicability.spectra + np.array([1e3, 0, 1e6], np.float32)
    far = 1e3 * 2 / 2.0
    np.testing.assert_allclose(applicability.dissimilarity(off), far, rtol=0.01)
    many = np.tile(off, (150, 1))  # more than are computed at once
    np.testing.assert_allclose(applicability.dissimilarity(many), far, rtol=0.01)
    assert applicability.outside_share(np.concatenate([off, applicability.spectra])) == 0.5


def test_a_whisker_leaves_outliers_out() -> None:
    assert upper_whisker(np.array([1.0, 2, 3, 4, 5])) == 5
    assert upper_whisker(np.array([1.0, 2, 3, 4, 100])) == 4


class Turned(nn.Module):
    """A network of other components, made of those that it is given."""

    def __init__(self, network: nn.Module, matrix: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(torch.einsum("nchw,cd->ndhw", x, self.matrix))


def test_distances_are_the_same_whatever_the_components_are_made_of() -> None:
    """Whitened, scaled or turned."""
    network = small_model().network
    generator = torch.Generator().manual_seed(1)
    windows = torch.randn(40, 3, 9, 9, generator=generator)
    matrix = torch.randn(3, 3, generator=generator)
    directions = sensitive_directions(network, windows @ torch.eye(9), seed=0)
    others = torch.einsum("nchw,cd->ndhw", windows, torch.linalg.inv(matrix))
    turned = sensitive_directions(Turned(network, matrix), others, seed=0)
    assert directions is not None
    assert turned is not None
    difference = windows[:, :, 4, 4].numpy()
    in_others = others[:, :, 4, 4].numpy()
    np.testing.assert_allclose(
        np.linalg.norm(in_others @ turned, axis=1),
        np.linalg.norm(difference @ directions, axis=1),
        rtol=0.01,
    )


class Brightness(nn.Module):
    """Two classes by the difference of two components, averaged over the window."""

    def forward(self, x: Tensor) -> Tensor:
        x *= 3  # writes into its input, as networks may
        difference = (x[:, 0] - x[:, 1]).mean((1, 2))
        return torch.stack([difference, -difference], dim=1) + x.sum((1, 2, 3))[:, None]

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(1, 1)


def test_what_a_network_overlooks_counts_nothing() -> None:
    """Both components count, and a change of both alike doesn't; logits rise alike for nothing."""
    directions = sensitive_directions(Brightness(), torch.randn(8, 3, 5, 5), seed=0)
    assert directions is not None
    changes = np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
    seen = np.linalg.norm(changes @ directions, axis=1)
    # Two logits of +-3 d, so a contrast of 3 sqrt(2) d on average.
    np.testing.assert_allclose(seen[:2], seen[0], rtol=1e-4)
    assert 2 < seen[0] < 6
    np.testing.assert_allclose(seen[2:], 0, atol=1e-2)


def _constant(x: Tensor) -> Tensor:
    return x.sum((1, 2, 3))[:, None] * torch.zeros(2)


@torch.no_grad()
def _without_derivatives(x: Tensor) -> Tensor:
    return x[:, :2].mean((2, 3))


@pytest.mark.parametrize(
    "answer",
    [
        _constant,
        _without_derivatives,
        lambda x: torch.ones(len(x), 2, requires_grad=True),
        lambda x: x[:, :2].mean((2, 3)) * torch.nan,
    ],
)
def test_a_network_that_tells_nothing_has_no_directions(
    answer: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Brightness()
    monkeypatch.setattr(network, "forward", answer)
    assert sensitive_directions(network, torch.randn(4, 3, 5, 5), seed=0) is None


def test_the_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    statistics = BandStatistics(np.arange(4.0), np.array([1.0, 0, 2, 3]))
    saved = replace(small_model(), applicability=known(), scene_statistics=statistics)
    saved.save(path)
    found = load(path)
    assert found.applicability is not None
    assert found.scene_statistics is not None
    for name in ("spectra", "directions", "mean_distance", "threshold", "outside_in_training"):
        np.testing.assert_array_equal(getattr(found.applicability, name), getattr(known(), name))
    np.testing.assert_array_equal(found.scene_statistics.means, statistics.means)
    np.testing.assert_array_equal(found.scene_statistics.deviations, statistics.deviations)


def test_a_file_that_says_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small_model().save(path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
    assert not {"applicability", "scene_statistics"} & header.keys()
    assert load(path).applicability is None
    assert load(path).scene_statistics is None


@pytest.mark.parametrize(
    ("tensors", "numbers", "words"),
    [
        ({"applicability.spectra": torch.zeros(20, 4)}, {}, "doesn't hold"),
        ({"applicability.directions": torch.zeros(4, 3)}, {}, "doesn't hold"),
        ({"applicability.spectra": torch.zeros(0, 3)}, {}, "doesn't hold"),
        ({"applicability.spectra": torch.full((20, 3), torch.nan)}, {}, "doesn't hold"),
        ({}, {"applicability": {"mean_distance": 0, "threshold": 1}}, "doesn't understand"),
        ({}, {"scene_statistics": {"means": [1.0], "deviations": [1.0]}}, "for others"),
        ({}, {"scene_statistics": {"means": [1.0], "deviations": [-1.0]}}, "understand"),
    ],
)
def test_what_doesnt_fit_is_refused(
    tmp_path: Path, tensors: dict[str, Tensor], numbers: dict[str, object], words: str
) -> None:
    path = tmp_path / "m.safetensors"
    replace(small_model(), applicability=known()).save(path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
    text = json.dumps({**header, **numbers})
    save_file({**load_file(path), **tensors}, path, {METADATA_KEY: text})
    with pytest.raises(InputError, match=words):
        load(path)
