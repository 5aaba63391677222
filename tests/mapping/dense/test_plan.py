"""A plan says layer by layer what is shared and what that saves."""

import pytest
import torch
from tests.mapping.dense.drawn import Gate
from torch import nn

from spectile import networks
from spectile.mapping.dense import NotShareableError, densify


def test_the_plan_of_hybridsn_se() -> None:
    network = networks.create("hybridsn-se", bands=30, classes=16)
    plan = densify(network, (25, 25)).plan
    ways = {row.layer: row.way for row in plan.rows}
    assert ways["spectral_spatial.0"] == "shared"
    assert ways["classifier.1"] == "gated"
    # Per pixel: three 3-D convolutions, the 2-D one, the gate's two layers, the Linears.
    trunk = 24 * 8 * 63 + 20 * 16 * 360 + 18 * 32 * 432 + 64 * 5184
    assert plan.after == trunk + 2 * 256 + 64 * 289 * 256 + 256 * 128 + 128 * 16
    assert 247_000_000 < plan.before < 248_000_000
    last = str(plan).splitlines()[-1]
    assert last.startswith("Multiply-adds a pixel; 45 times less work, about ")
    assert "attention.reduce" in str(plan)


def test_the_plan_of_a_network_with_windows_of_their_own() -> None:
    network = nn.Sequential(
        *(nn.Conv2d(6, 8, 3), Gate(8, nn.Sigmoid()), nn.Conv2d(8, 7, 3), nn.Flatten()),
        nn.Linear(175, 5),
    )
    rows = {row.layer: row for row in densify(network, (9, 9)).plan.rows}
    assert rows["0"].after * 49 == rows["0"].before
    assert rows["2"].way == "windowed"
    assert rows["2"].before == rows["2"].after


class OfBands(nn.Module):
    """A transformer whose tokens are the bands of the window's pixels, or their channels."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.embed = nn.Linear(pixels, 16)
        self.attention = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.fc = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.attention(self.embed(x.flatten(2))).mean(1))


def test_time_is_estimated_with_what_memory_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    trunk = nn.Sequential(nn.Conv2d(6, 32, 3), nn.ReLU(), nn.Conv2d(32, 100, 1))
    network = nn.Sequential(trunk, OfBands(25))
    with pytest.raises(NotShareableError, match=r"only .*% of its work could be shared"):
        densify(network, (7, 7))
    monkeypatch.setattr("spectile.mapping.dense.network.LEAST_SPEED_UP", 0.0)
    plan = densify(network, (7, 7)).plan
    # By multiply-adds alone it would have been worth it.
    assert plan.speed_up > 1.2 > plan.faster
    assert 0 < plan.share < 1


def test_a_spectrum_alone_has_nothing_to_share() -> None:
    with pytest.raises(NotShareableError, match="does bmm on each window's own numbers"):
        densify(OfBands(1), (1, 1), bands=50)


def test_tails_are_freed_on_their_way() -> None:
    trunk = [nn.Conv2d(6, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Conv2d(64, 8, 1)]
    layer = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
    head = [nn.Flatten(), nn.Linear(200, 3)]
    few = densify(nn.Sequential(*trunk, layer, *head), (9, 9))
    many = densify(nn.Sequential(*trunk, *[layer] * 5, *head), (9, 9))
    assert few.workspace(64) == many.workspace(64)
    assert few.plan.faster > many.plan.faster > 1.2


def test_memory_follows_from_the_network() -> None:
    small = densify(networks.create("hybridsn", bands=13, classes=3, window=9), (9, 9))
    large = densify(networks.create("hybridsn", bands=30, classes=3, window=9), (9, 9))
    # The third convolution's input and output: 20 x 16 and 18 x 32 numbers of 4 bytes.
    assert small.bytes_a_pixel < large.bytes_a_pixel
    assert large.bytes_a_pixel >= (20 * 16 + 18 * 32) * 4
    assert torch.get_default_dtype() == torch.float32
