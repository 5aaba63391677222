"""Padding that a later cut to the middle doesn't see is shared; other padding is not."""

from __future__ import annotations

import pytest
import torch
from tests.mapping.dense.drawn import difference
from tests.mapping.dense.test_styles import Written
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.mapping.dense import densify

pytestmark = pytest.mark.usefixtures("sharing_always_pays")

BANDS = 6


def centre(net: Written, x: Tensor) -> Tensor:
    y = F.relu(net.second(F.relu(net.first(x))))
    return net.fc(y[:, :, y.shape[2] // 2, y.shape[3] // 2])


def residual(net: Written, x: Tensor) -> Tensor:
    return net.fc((F.relu(net.first(x)) + net.second(x))[:, :, 2:-2, 1:-1].flatten(1))


def token(net: Written, x: Tensor) -> Tensor:
    return net.fc(net.first(x).flatten(2).transpose(1, 2)[:, 24])


def strides(net: Written, x: Tensor) -> Tensor:
    return net.fc(net.second(F.relu(net.first(x)))[:, :, 2:3, 2].flatten(1))


def padded_apart(net: Written, x: Tensor) -> Tensor:
    y = net.first(F.pad(x, (2, -1, 1, 3), value=0.5))
    return net.fc(y[:, :, 2:5, 3:6].flatten(1))


def branches(net: Written, x: Tensor) -> Tensor:
    y = torch.cat([net.first(x), net.second(x), x], 1)
    return net.fc(y[:, :, 2:-2, 2:-2].amax((2, 3)))


def gated(net: Written, x: Tensor) -> Tensor:
    y = net.first(x) * x.mean((2, 3), keepdim=True).sigmoid()
    return net.fc(y[:, :, 1:-1, 1:-1].flatten(1))


def volume(net: Written, x: Tensor) -> Tensor:
    return net.fc(net.first(x.unsqueeze(1))[:, :, :, 2:5, 3:6].mean((3, 4)).flatten(1))


def third(net: Written, x: Tensor) -> Tensor:
    return net.fc(net.first(x)[:, :, 1::3, 1::3].flatten(1))


SEEN_BY_NOBODY: dict[str, tuple[nn.Module, tuple[int, int]]] = {
    "the centre of two padded layers": (
        Written(
            centre,
            first=nn.Conv2d(BANDS, 8, 3, padding=1),
            second=nn.Conv2d(8, 8, 3, padding=1),
            fc=nn.Linear(8, 3),
        ),
        (7, 7),
    ),
    "a padded branch beside one that isn't": (
        Written(
            residual,
            first=nn.Conv2d(BANDS, 8, 3, padding=1),
            second=nn.Conv2d(BANDS, 8, 1),
            fc=nn.Linear(8 * 15, 3),
        ),
        (7, 7),
    ),
    "the middle token": (
        Written(token, first=nn.Conv2d(BANDS, 8, 5, padding=2), fc=nn.Linear(8, 3)),
        (7, 7),
    ),
    "strides over a border": (
        Written(
            strides,
            first=nn.Conv2d(BANDS, 8, 3, padding=1),
            second=nn.Conv2d(8, 8, 2, padding=1, stride=3),
            fc=nn.Linear(8, 3),
        ),
        (13, 13),
    ),
    "padding of its own, cropped on one side": (
        Written(padded_apart, first=nn.Conv2d(BANDS, 8, 3), fc=nn.Linear(72, 3)),
        (9, 9),
    ),
    "borders of different width joined": (
        Written(
            branches,
            first=nn.Conv2d(BANDS, 6, 3, padding=1),
            second=nn.MaxPool2d(5, padding=2, stride=1),
            fc=nn.Linear(18, 3),
        ),
        (7, 7),
    ),
    "a gate on features with a border": (
        Written(gated, first=nn.Conv2d(BANDS, 6, 3, padding=1), fc=nn.Linear(54, 3)),
        (5, 5),
    ),
    "a volume": (
        Written(volume, first=nn.Conv3d(1, 4, 3, padding=1), fc=nn.Linear(24, 3)),
        (9, 9),
    ),
    "every third place": (
        Written(third, first=nn.AvgPool2d(3, padding=1, stride=1), fc=nn.Linear(24, 3)),
        (7, 7),
    ),
    **{
        f"padding by {mode}": (
            Written(
                centre,
                first=nn.Conv2d(BANDS, 8, 3, padding=1, padding_mode=mode),
                second=nn.Conv2d(8, 8, 2, padding=1),
                fc=nn.Linear(8, 3),
            ),
            (7, 9),
        )
        for mode in ("reflect", "replicate", "circular")
    },
}


@pytest.mark.parametrize("name", SEEN_BY_NOBODY)
def test_padding_that_nobody_sees_is_none(name: str) -> None:
    torch.manual_seed(0)
    network, window = SEEN_BY_NOBODY[name]
    network = network.double().eval()
    dense = densify(network, window, bands=BANDS)
    assert "windowed" not in {row.way for row in dense.plan.rows}
    for size in ((1, 1), (3, 8)):
        assert difference(dense, network, window, size) <= 1e-9


def test_one_row_too_many_is_padding_that_counts() -> None:
    torch.manual_seed(0)

    def corner(net: Written, x: Tensor) -> Tensor:
        return net.fc(net.conv(x)[:, :, 0:3, 3].flatten(1))

    network = Written(corner, conv=nn.Conv2d(BANDS, 4, 3, padding=1), fc=nn.Linear(12, 3))
    network = network.double()
    dense = densify(network, (7, 7), bands=BANDS)
    assert {row.way for row in dense.plan.rows} == {"windowed"}
    assert difference(dense, network, (7, 7), (3, 8)) <= 1e-9


def test_a_layer_may_be_shared_for_one_reader_and_windowed_for_another() -> None:
    torch.manual_seed(0)

    def forward(net: Written, x: Tensor) -> Tensor:
        y = net.padded(net.trunk(x))
        return net.fc(torch.cat([y[:, :, 3, 3], y.mean((2, 3))], 1))

    network = Written(
        forward,
        trunk=nn.Conv2d(BANDS, 80, 3),
        padded=nn.Conv2d(80, 8, 5, padding=2),
        fc=nn.Linear(16, 3),
    ).double()
    dense = densify(network, (9, 9), bands=BANDS)
    assert [row.way for row in dense.plan.rows] == ["shared", "windowed", "windowed"]
    assert difference(dense, network, (9, 9), (3, 8)) <= 1e-9
