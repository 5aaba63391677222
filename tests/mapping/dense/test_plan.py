"""A plan says layer by layer what is shared and what that saves."""

import torch
from tests.mapping.dense.drawn import Gate
from torch import nn

from spectile import networks
from spectile.mapping.dense import densify


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
    assert str(plan).splitlines()[-1] == "Multiply-adds a pixel; 45 times less work."
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


def test_memory_follows_from_the_network() -> None:
    small = densify(networks.create("hybridsn", bands=13, classes=3, window=9), (9, 9))
    large = densify(networks.create("hybridsn", bands=30, classes=3, window=9), (9, 9))
    # The third convolution's input and output: 20 x 16 and 18 x 32 numbers of 4 bytes.
    assert small.bytes_a_pixel < large.bytes_a_pixel
    assert large.bytes_a_pixel >= (20 * 16 + 18 * 32) * 4
    assert torch.get_default_dtype() == torch.float32
