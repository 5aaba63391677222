"""Networks of images without padding see the same wherever a window ends, and so map densely."""

from __future__ import annotations

import pytest
import torch

from spectile.errors import InputError
from spectile.mapping.dense import densify
from spectile.mapping.patches import PatchByPatch
from spectile.networks import build_window_network, create

NETWORKS = {
    "resnet-18": {"stem": "cifar"},
    "resnet-50": {"stem": "cifar"},
    "sknet-26": {"stem": "cifar"},
    "mobilenet-v1": {"width": 0.25},
    "mobilenet-v2": {"width": 0.25},
    "mobilenet-v3-small": {"width": 0.5},
}
GATED = ("sknet-26", "mobilenet-v3-small")
"""Gates squeeze over the map, and so differ with what is around."""


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in GATED])
def test_its_maps_are_the_middle_of_the_padded_ones(name: str) -> None:
    pair = []
    for padding in ("same", "valid"):
        torch.manual_seed(2)
        network = create(name, bands=3, classes=4, padding=padding, **NETWORKS[name])
        pair.append(network.double().eval())
    padded, unpadded = pair
    assert padded.state_dict().keys() == unpadded.state_dict().keys()
    scene = torch.randn(1, 3, 128, 128, dtype=torch.float64)
    with torch.no_grad():
        maps = unpadded.features(scene[..., 30:98, 30:98])[:2]
        # Which pixels a stride keeps depends on where the scene begins.
        starts = range(padded.stages[1].stride)
        wholes = [padded.features(scene[..., start:, start:])[:2] for start in starts]
    for stage, ours in enumerate(maps):
        assert ours.shape[-1] > 1
        assert min(_difference(whole[stage], ours) for whole in wholes) < 1e-9


def _difference(whole: torch.Tensor, part: torch.Tensor) -> float:
    """The least that `part` differs from squares of `whole` along its diagonal."""
    size = part.shape[-1]
    squares = whole.unfold(2, size, 1).unfold(3, size, 1).diagonal(dim1=2, dim2=3)
    return float((squares.movedim(-1, 0) - part).abs().flatten(1).amax(1).min())


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("window", [1, 2, 5, 8, 11, 14, 19])
def test_any_window_goes_through(name: str, window: int) -> None:
    options = {"padding": "valid", **NETWORKS[name]}
    network = build_window_network(name, bands=3, classes=4, window=window, options=options)
    loss = network(torch.randn(3, 3, window, window)).square().sum()
    loss.backward()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize(
    ("name", "window"),
    [("resnet-18", 13), ("mobilenet-v1", 11), ("mobilenet-v2", 13)],
)
def test_it_maps_densely_with_the_same_numbers(name: str, window: int) -> None:
    options = {"padding": "valid", **NETWORKS[name]}
    torch.manual_seed(1)
    network = build_window_network(name, bands=3, classes=4, window=window, options=options)
    network = network.double()
    for _ in range(20):  # statistics by which maps keep their size
        network(torch.randn(32, 3, window, window, dtype=torch.float64))
    network.eval()
    scene = torch.randn(1, 3, window + 4, window + 6, dtype=torch.float64)
    dense = densify(network, (window, window), bands=3)
    with torch.no_grad():
        expected = PatchByPatch(network, (window, window))(scene)
    assert expected.std() > 0.01
    torch.testing.assert_close(dense(scene), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "padding", "said"),
    [
        ("res2net-50", "valid", "res2net-50 has no unpadded form"),
        ("resnet-18", "none", "knows no padding 'none': choose 'same' or 'valid'"),
        ("hybridsn", "valid", "hybridsn has no option 'padding'"),
    ],
)
def test_what_has_no_unpadded_form_says_so(name: str, padding: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        create(name, bands=3, classes=4, padding=padding)
