"""Networks that write into their tensors, and into views of them, are followed exactly."""

from __future__ import annotations

import pytest
import torch
from tests.mapping.dense.drawn import difference
from tests.mapping.dense.test_styles import Written
from torch import Tensor, nn

from spectile.mapping.dense import densify

pytestmark = pytest.mark.usefixtures("sharing_always_pays")

BANDS = 6


def slices_of_zeros(net: Written, x: Tensor) -> Tensor:
    y = torch.zeros(len(x), 8, 5, 5, dtype=x.dtype)
    z = net.conv(x)
    y[:, :4] = z
    y[:, 4:, :, :] = z * 2
    y[:, 1::2] += 1
    y[:, 0] *= 3
    y[:, -1] = 0.5
    return net.fc(y.flatten(1))


def views_of_views(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    v = y.view(len(y), 2, 2, 5, 5)
    v[:, 0] = 1.5
    v.transpose(1, 2)[:, 1].add_(y[:, :2].clone())
    y.permute(0, 2, 3, 1)[..., 3].mul_(2)
    y.relu_()
    y[:, 2:] -= y[:, :2]
    return net.fc((y + v.reshape(y.shape)).flatten(1))


def flat_view(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    y.view(len(y), -1).relu_()
    return net.fc(y.flatten(1))


def constants_that_change(net: Written, x: Tensor) -> Tensor:
    z = torch.ones(4, 1, 1, dtype=x.dtype)
    y = net.conv(x) * z
    z += 1
    z[:2] = 3
    return net.fc((y + z).flatten(1))


def chunks(net: Written, x: Tensor) -> Tensor:
    a, b = net.conv(x).chunk(2, 1)
    a += b
    b.sigmoid_()
    first, second = b.unbind(1)
    first -= second
    return net.fc(torch.cat([a * b, a], 1).flatten(1))


def masks(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    y[y < 0] = 0.1
    y.masked_fill_(y > 1, 0.2)
    return net.fc(y.flatten(1))


def other_shapes(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    first = y[:, :2]
    y.transpose_(2, 3).unsqueeze_(1)
    y[:, :, 1] = 2
    z = torch.zeros(5, 5, 1, dtype=x.dtype)
    z.squeeze_()
    y.squeeze_(1)
    return net.fc((y + z).flatten(1)) * first.mean((1, 2, 3))[:, None]


def emptied(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    kept = y.clone()
    y.zero_()
    y += kept[:, :1].float()
    return net.fc((y + kept).flatten(1))


WRITTEN = {
    "slices of zeros": (slices_of_zeros, 200),
    "views of views": (views_of_views, 100),
    "a flat view": (flat_view, 100),
    "constants that change": (constants_that_change, 100),
    "chunks": (chunks, 100),
    "masks": (masks, 100),
    "other shapes": (other_shapes, 100),
    "emptied": (emptied, 100),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_written_in_place(name: str) -> None:
    torch.manual_seed(0)
    forward, features = WRITTEN[name]
    network = Written(forward, conv=nn.Conv2d(BANDS, 4, 3), fc=nn.Linear(features, 3)).double()
    dense = densify(network, (7, 7), bands=BANDS)
    assert {row.way for row in dense.plan.rows} == {"shared"}
    for size in ((1, 1), (3, 8)):
        assert difference(dense, network, (7, 7), size) <= 1e-9


def test_places_of_the_window_are_written_window_by_window() -> None:
    torch.manual_seed(0)

    def forward(net: Written, x: Tensor) -> Tensor:
        y = net.conv(x)
        y[:, :, 0] = 0
        y[:, :, 1, 2] += 1
        return net.fc(y.flatten(1))

    network = Written(forward, conv=nn.Conv2d(BANDS, 9, 3), fc=nn.Linear(225, 3)).double()
    dense = densify(network, (7, 7), bands=BANDS)
    assert [row.way for row in dense.plan.rows] == ["shared", "windowed"]
    assert difference(dense, network, (7, 7), (3, 8)) <= 1e-9


def over_bands(net: Written, x: Tensor) -> Tensor:
    """A recurrent layer along the spectrum of each of the window's pixels."""
    windows, bands, height, width = x.shape
    spectra = x.permute(0, 2, 3, 1).reshape(windows * height * width, bands, 1)
    last = net.recurrent(spectra)[0][:, -1]
    return net.fc(last.reshape(windows, -1))


def of_pixels(net: Written, x: Tensor) -> Tensor:
    """One spectrum a window, bands first, as in Mou et al. (2017)."""
    states = net.recurrent(x.flatten(1).t().unsqueeze(2))[0]
    return net.fc(torch.tanh(states.permute(1, 2, 0).reshape(len(x), -1)))


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_layers_over_bands(kind: type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]) -> None:
    torch.manual_seed(0)
    networks: list[tuple[nn.Module, tuple[int, int]]] = [
        (Written(over_bands, recurrent=kind(1, 5, batch_first=True), fc=nn.Linear(45, 3)), (3, 3)),
        (
            Written(
                over_bands,
                recurrent=kind(1, 4, batch_first=True, num_layers=2, bidirectional=True),
                fc=nn.Linear(72, 3),
            ),
            (3, 3),
        ),
        (Written(of_pixels, recurrent=kind(1, 4), fc=nn.Linear(4 * BANDS, 3)), (1, 1)),
    ]
    for network, window in networks:
        dense = densify(network.double(), window, bands=BANDS)
        assert {row.way for row in dense.plan.rows} == {"shared"}
        assert difference(dense, network, window, (3, 8)) <= 1e-9
