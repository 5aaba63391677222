"""Where sharing is easily got wrong; each of these was, or nearly."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.mapping.dense.drawn import difference
from tests.mapping.dense.test_styles import Written
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.errors import InputError
from spectile.mapping.dense import densify
from spectile.mapping.patches import PatchByPatch

pytestmark = pytest.mark.usefixtures("sharing_always_pays")


def own_gate_of_one_pixel(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    return net.fc((y * y.mean((2, 3), keepdim=True).sigmoid()).flatten(1))


def chosen_by_sign(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    return net.fc(torch.where((y > 0) & ~(y > 1), y, -y).flatten(1))


def turned(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    return net.fc((y + y.transpose(2, 3)).flatten(1))


def one_gated_token(net: Written, x: Tensor) -> Tensor:
    tokens = net.conv(x).flatten(2)
    return net.fc((tokens * tokens.mean(2, keepdim=True).sigmoid())[:, :, 4])


def gates_apart(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    squeezed = y.mean((2, 3), keepdim=True)
    gate = torch.add(squeezed.sigmoid(), squeezed.exp(), alpha=-1)
    return net.fc(F.relu(y * gate).flatten(1))


def centred_in_place(net: Written, x: Tensor) -> Tensor:
    x -= 0.5
    return net.fc(net.conv(x).flatten(1))


def emptily(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    y[:, 1:] = 5
    y[:, :, 0:] *= 2
    return net.fc(y.flatten(1))


CORNERS: dict[str, tuple[nn.Module, int, tuple[int, int]]] = {
    "pooling of one pixel, then in place": (
        nn.Sequential(nn.MaxPool2d(1, 2), nn.Sigmoid(), nn.Flatten(), nn.Linear(36, 3)),
        4,
        (5, 5),
    ),
    "mean of one pixel, then in place": (
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Tanh(), nn.Flatten(), nn.Linear(4, 3)),
        4,
        (1, 1),
    ),
    "gate where features are one pixel": (
        Written(own_gate_of_one_pixel, conv=nn.Conv2d(4, 6, 5), fc=nn.Linear(6, 3)),
        4,
        (5, 5),
    ),
    "keyword arguments": (
        nn.Sequential(
            *(nn.Conv2d(8, 6, 3), nn.GELU(approximate="tanh"), nn.Flatten(), nn.Linear(150, 4)),
        ),
        8,
        (7, 7),
    ),
    "comparison": (
        Written(chosen_by_sign, conv=nn.Conv2d(4, 3, 3), fc=nn.Linear(27, 3)),
        4,
        (5, 5),
    ),
    "one channel and one number": (
        nn.Sequential(nn.Conv2d(8, 1, 3), nn.PReLU(), nn.Flatten(), nn.Linear(25, 4)),
        8,
        (7, 7),
    ),
    "padding by name": (
        nn.Sequential(nn.Conv2d(8, 6, 3, padding="valid"), nn.Flatten(), nn.Linear(150, 4)),
        8,
        (7, 7),
    ),
    "rows with columns": (
        Written(turned, conv=nn.Conv2d(4, 3, 3), fc=nn.Linear(27, 3)),
        4,
        (5, 5),
    ),
    "one gated token": (
        Written(one_gated_token, conv=nn.Conv2d(4, 3, 3), fc=nn.Linear(3, 3)),
        4,
        (5, 5),
    ),
    "gates apart": (
        Written(gates_apart, conv=nn.Conv2d(4, 3, 3), fc=nn.Linear(27, 3)),
        4,
        (5, 5),
    ),
    "places as logits": (
        nn.Sequential(nn.Conv2d(4, 1, 3), nn.Flatten()),
        4,
        (5, 4),
    ),
    "an empty slice written": (
        Written(emptily, conv=nn.Conv2d(4, 1, 3), fc=nn.Linear(9, 3)),
        4,
        (5, 5),
    ),
    "input changed in place": (
        Written(centred_in_place, conv=nn.Conv2d(4, 3, 3), fc=nn.Linear(27, 3)),
        4,
        (5, 5),
    ),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_corner(corner: str) -> None:
    torch.manual_seed(0)
    network, bands, window = CORNERS[corner]
    network = network.double().eval()
    dense = densify(network, window, bands=bands)
    for size in ((1, 1), (3, 8)):
        assert difference(dense, network, window, size) <= 1e-9
    scene = torch.randn(1, bands, window[0] + 2, window[1] + 3).double()
    before = scene.clone()
    assert torch.equal(dense(scene), dense(scene))
    assert torch.equal(scene, before)


def test_one_number_that_is_none_stays_in_its_windows() -> None:
    network = nn.Sequential(nn.Conv2d(8, 6, 3), nn.Flatten(), nn.Linear(486, 4))
    scene = torch.randn(1, 8, 40, 40)
    scene[0, 3, 5, 5] = float("nan")
    with torch.no_grad():
        plain = PatchByPatch(network, (11, 11))(scene).isnan()
    assert torch.equal(densify(network, (11, 11))(scene).isnan(), plain)


def test_weights_are_those_of_the_moment() -> None:
    network = nn.Sequential(nn.Conv2d(8, 6, 3), nn.Flatten(), nn.Linear(150, 4))
    dense = densify(network, (7, 7))
    scene = torch.randn(1, 8, 9, 9, requires_grad=True)
    before = dense(scene)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(5)
    assert torch.equal(dense(scene), before)
    assert not before.requires_grad


def test_bands_that_could_be_several_follow_the_scene() -> None:
    """Behind a spectral stride 29 bands leave as many depths as 30."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Unflatten(1, (1, -1)), nn.Conv3d(1, 3, 3, stride=(2, 1, 1)), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(3 * 14 * 9, 4)),
    ).double()
    dense = densify(network, (5, 5))
    for bands in (30, 29, 30):
        scene = torch.randn(1, bands, 8, 9).double()
        with torch.no_grad():
            plain = PatchByPatch(network, (5, 5))(scene)
        assert (dense(scene) - plain).abs().max() <= 1e-9


class Merged(nn.Module):
    """A view by features alone: two windows of half the bands look like one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 2, 3)
        self.fc = nn.Linear(2 * 18 * 9, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x.unsqueeze(1)).view(-1, 2 * 18 * 9))


def test_half_the_bands_are_not_taken_for_all() -> None:
    assert densify(Merged(), (5, 5)).bands == 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda net: densify(net, (7, 7), bands=7), "7 x 7 pixels and 7 bands"),
        (lambda net: densify(net, (9, 9), bands=8), "9 x 9 pixels and 8 bands"),
        (lambda net: densify(net, (7, 7), bands=0), "at least 1 x 1 pixels and 1 band"),
        (lambda net: densify(net, (7, 7))(torch.zeros(8, 9, 9)), "maps"),
        (lambda _: densify(nn.Sequential(nn.LazyConv2d(3, 3)), (7, 7)), "run it once"),
    ],
)
def test_what_does_not_fit_is_told(change: Callable[[nn.Module], object], words: str) -> None:
    network = nn.Sequential(nn.Conv2d(8, 6, 3), nn.Flatten(), nn.Linear(150, 4))
    with pytest.raises(InputError, match=words):
        change(network)


def test_a_tail_on_a_wide_scene_is_computed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectile.mapping.dense.tail.NUMBERS_AT_ONCE", 1000)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(72, 3)
    ).double()
    dense = densify(network, (5, 5))
    assert difference(dense, network, (5, 5), (4, 31)) <= 1e-9


def test_pixels_without_windows_are_computed_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectile.mapping.dense.network.NUMBERS_AT_ONCE", 1000)
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 40), nn.Tanh()),
        *(nn.Unflatten(1, (1, 40)), nn.Conv1d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(190, 3)),
    ).double()
    dense = densify(network, (5, 5))
    for size in ((1, 1), (7, 2), (13, 9)):
        assert difference(dense, network, (5, 5), size) <= 1e-9
