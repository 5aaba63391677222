"""Gates, kernels and places read off a network are those that its blocks compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spectile import networks
from spectile.blocks import ATTENTION
from spectile.blocks.attention import GatesChannels, WeighsPlaces
from spectile.blocks.non_local import NonLocal
from spectile.blocks.selective_kernel import SelectiveKernel
from spectile.blocks.squeeze_excitation import SqueezeExcitation
from spectile.inspecting.grad_cam import grad_cam
from spectile.inspecting.samples import Samples
from spectile.inspecting.selective_kernels import enlarged, kernel_differences
from spectile.inspecting.spatial_attention import place_weights
from spectile.inspecting.squeeze_excitation import (
    channel_gates,
    last_of_stages,
    telling_channels,
)
from spectile.networks.insertion import insert_attention


def samples(count: int = 6, bands: int = 4, edge: int = 8) -> Samples:
    drawn = torch.randn(count, bands, edge, edge, generator=torch.Generator().manual_seed(0))
    return Samples(tuple(drawn), np.arange(count) % 2, torch.eye(bands), torch.zeros(bands))


def test_gates_are_those_computed_by_hand():
    torch.manual_seed(0)
    block = SqueezeExcitation(4, 2)
    network = nn.Sequential(nn.ReLU(), block, nn.Flatten())
    (found,) = channel_gates(network, samples())
    squeezed = torch.stack(samples().centred).relu().mean((2, 3))
    reduce, expand = block.reduce, block.expand
    hidden = (squeezed @ reduce.weight[:, :, 0, 0].T + reduce.bias).relu()
    expected = torch.sigmoid(hidden @ expand.weight[:, :, 0, 0].T + expand.bias)
    np.testing.assert_allclose(found.gates, expected.detach().numpy(), atol=1e-6)
    assert (found.name, found.size, found.strength) == ("1", (8, 8), 1.0)


def test_a_gate_that_follows_the_class_is_told_from_noise():
    block = SqueezeExcitation(4, 2)
    with torch.no_grad():
        for weight in block.parameters():
            weight.zero_()
        block.reduce.weight[0, 0] = 10
        block.expand.weight[2, 0] = 10  # channel 2 opens where channel 0 is bright
        block.expand.bias[2] = -5
        block.expand.bias[1] = 30
    bright = torch.zeros(4, 4, 5, 5)
    bright[2:, 0] = 1
    seen = Samples(tuple(bright), np.array([0, 0, 1, 1]), torch.eye(4), torch.zeros(4))
    (found,) = channel_gates(nn.Sequential(block), seen)
    assert telling_channels(found, seen.classes, 2)[0] == 2
    within, between = found.spread(seen.classes)
    assert within == pytest.approx(0, abs=1e-6)
    assert between == pytest.approx(0.5 / 4, abs=0.01)
    assert (found.closed, found.opened) == (0.125, 0.375)
    numbers = found.as_dict(seen.classes, ("dark", "bright"))
    assert numbers["classes"]["bright"][2] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", ["se", "eca", "cbam", "scse"])
def test_every_block_that_gates_channels_is_found(name):
    torch.manual_seed(0)
    network = nn.Sequential(ATTENTION[name](16), nn.Conv2d(16, 2, 1))
    found = channel_gates(network, samples(bands=16))
    assert [block.gates.shape for block in found] == [(6, 16)]


def test_one_block_stands_for_each_stage():
    network = networks.create("se-resnet-18", bands=4, classes=2, stem="cifar")
    blocks = channel_gates(network, samples(2))
    assert len(blocks) == 8
    names = [block.name for block in last_of_stages(blocks)]
    assert names == [f"layers.{stage}.1.attention" for stage in range(4)]


def test_an_inserted_block_says_how_much_it_counts():
    network = nn.Sequential(nn.Conv2d(4, 16, 3), nn.ReLU())
    insert_attention(network, "se", where="0", example=torch.zeros(1, 4, 8, 8))
    (block,) = channel_gates(network, samples())
    assert block.strength == 0


def test_the_kernel_that_was_made_to_win_wins():
    torch.manual_seed(0)
    block = SelectiveKernel(4, kernels=(5, 3), groups=1)
    with torch.no_grad():
        block.select.weight.zero_()
        block.select.bias = nn.Parameter(torch.tensor([0.0] * 4 + [2.0] * 4))  # the 3x3's
    (found,) = kernel_differences(nn.Sequential(block), samples())
    small = 1 / (1 + np.exp(-2))
    np.testing.assert_allclose(found.differences, 1 - 2 * small, atol=1e-6)
    assert found.verdict == "same"


def test_objects_that_grow_are_seen_to_grow():
    class Coverage(SelectiveKernel):
        """Selects the larger kernel the more, the more of the map is bright."""

        def weights(self, maps):
            bright = self.seen_map.mean((1, 2, 3))[:, None, None, None]
            return self.chosen(self.select(torch.cat([-bright, bright], 1)))

        def forward(self, x: Tensor) -> Tensor:
            self.seen_map = x
            return super().forward(x)

    block = Coverage(1, groups=1)
    block.select = nn.Conv2d(2, 2, 1, bias=False)
    nn.init.eye_(block.select.weight[:, :, 0, 0].data)
    block.select.weight.data = torch.eye(2)[:, :, None, None]
    images = torch.zeros(5, 1, 16, 16)
    images[:, :, 6:10, 6:10] = torch.linspace(0.5, 1, 5)[:, None, None, None]
    seen = Samples(tuple(images), np.zeros(5, np.int64), torch.eye(1), torch.zeros(1))
    (found,) = kernel_differences(nn.Sequential(block), seen)
    assert found.verdict == "rises"
    assert (np.diff(found.means) > 0).all()


def test_enlarging_keeps_the_middle_and_the_size():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    assert torch.equal(enlarged(ramp, 1.0), ramp)
    twice = enlarged(ramp, 2.0)
    assert twice.shape == ramp.shape
    torch.testing.assert_close(twice[0, 0, 0], 1.75 + torch.arange(8.0) / 2)


@pytest.mark.parametrize("name", sorted(set(ATTENTION) - {"se", "eca"}))
def test_every_block_with_places_gives_maps(name):
    torch.manual_seed(0)
    block = ATTENTION[name](16).eval()
    x = torch.randn(2, 16, 6, 7)
    (found,) = place_weights(nn.Sequential(block), x)
    assert found.maps.shape[0] == 2
    assert found.maps.shape[2:] in {(6, 7), (3, 3)}
    assert np.isfinite(found.maps).all()
    assert len(found.shown(1)) <= 3


def test_every_block_here_shows_what_it_does():
    for name, build in ATTENTION.items():
        parts = build(16).modules()
        assert any(isinstance(part, GatesChannels | WeighsPlaces) for part in parts), name


def test_non_local_weights_are_its_own():
    torch.manual_seed(0)
    block = NonLocal(4, subsample=False).eval()
    x = torch.randn(1, 4, 3, 5)
    theta, phi = (f(x).flatten(2)[0].T for f in (block.theta, block.phi))
    expected = (theta @ phi.T).softmax(1).mean(0).reshape(3, 5) * 15
    torch.testing.assert_close(block.place_weights(x)[0, 0], expected)
    assert float(block.place_weights(x).detach().mean()) == pytest.approx(1)


def test_coordinate_weights_are_rows_times_columns():
    torch.manual_seed(0)
    block = ATTENTION["coordinate"](8).eval()
    x = torch.randn(2, 8, 4, 5)
    torch.testing.assert_close(
        block(torch.ones_like(x)).mean(1, True), block.place_weights(torch.ones_like(x))
    )


def test_grad_cam_finds_the_quarter_that_a_class_depends_on():
    class Quarter(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1, bias=False)
            nn.init.ones_(self.conv.weight)

        def forward(self, x: Tensor) -> Tensor:
            mean = self.conv(x).mean((2, 3))
            return torch.cat([mean, -mean], 1)

    image = torch.zeros(1, 1, 8, 8)
    image[:, :, :4, 4:] = 1
    found = grad_cam(Quarter(), image, torch.tensor([0]))
    assert found is not None
    assert found[0] == "conv"
    np.testing.assert_allclose(found[1][0], image[0, 0].numpy())
    against = grad_cam(Quarter(), image, torch.tensor([1]))
    assert against is not None
    assert against[1].max() == 0


def test_a_network_without_places_has_no_grad_cam():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    assert grad_cam(network, torch.zeros(1, 1, 8, 8), torch.tensor([0])) is None
