"""Networks in other people's code: heads, features, tracing, memory formats, wrong bands."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spectile import networks
from spectile.errors import InputError

SMALL = {
    "hybridsn-se": {"window": 9},
    "hybridsn-2d": {"window": 9},
    "hybridsn": {"window": 9, "spectral_branch": 0.5},
    "resnet-18": {"stem": "cifar"},
    "se-resnet-50": {},
    "sknet-26": {},
    "res2net-50": {},
    "mobilenet-v1": {"width": 0.25},
    "mobilenet-v2": {"width": 0.25},
    "mobilenet-v3-small": {},
    "deeplab-v3-plus": {"backbone": "mobilenet-v2"},
    "blendmask": {"backbone": "mobilenet-v2", "channels": 32},
    "blendmask-rt": {"backbone": "resnet-18", "channels": 32, "finest_stride": 4},
}
CLASSIFYING = [name for name in SMALL if networks.describe(name).takes in ("windows", "images")]
IMAGES = [name for name in CLASSIFYING if "hybridsn" not in name]


def small(name: str, classes: int = 4, **options: object) -> nn.Module:
    torch.manual_seed(0)
    bands = 15 if "hybridsn" in name else 3
    return networks.create(name, bands=bands, classes=classes, **SMALL[name], **options).eval()


def images(name: str, count: int = 2) -> torch.Tensor:
    shape = (count, 15, 9, 9) if "hybridsn" in name else (count, 3, 40, 48)
    return torch.randn(shape, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("name", CLASSIFYING)
@torch.no_grad()
def test_heads_are_exchanged_and_left_out(name):
    network, x = small(name), images(name)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.reset_classifier(7)
    assert network(x).shape == (2, 7)
    network.reset_classifier(0)
    features = network(x)
    assert features.shape == (2, network.num_features)
    without = small(name, classes=0)
    assert without(x).shape == features.shape
    missing, unexpected = without.load_state_dict(before, strict=False)
    assert not missing
    assert all(key.startswith(("classifier", "spectral_branch")) for key in unexpected)
    torch.testing.assert_close(without(x), features)
    with pytest.raises(InputError, match="-1 classes"):
        network.reset_classifier(-1)


@pytest.mark.parametrize("name", IMAGES)
@torch.no_grad()
def test_features_and_head_are_the_whole(name):
    network, x = small(name), images(name)
    last = network.forward_features(x)
    assert last.dim() == 4
    torch.testing.assert_close(network.forward_head(last), network(x))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*:DeprecationWarning")
@pytest.mark.filterwarnings("error::torch.jit.TracerWarning")
@torch.no_grad()
def test_other_programs_can_follow_it(name):
    network, x, other = small(name), images(name), images(name, 3)
    expected = network(other)
    close = {"rtol": 1e-3, "atol": 1e-3}
    torch.testing.assert_close(torch.fx.symbolic_trace(network)(other), expected, **close)
    # The check that comes with tracing compares to the last digits.
    traced = torch.jit.trace(network, x, check_trace=False)
    torch.testing.assert_close(traced(other), expected, **close)


@pytest.mark.parametrize("name", SMALL)
@torch.no_grad()
def test_channels_last_gives_the_same(name):
    network, x = small(name), images(name)
    expected = network(x)
    network = network.to(memory_format=torch.channels_last)
    found = network(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("wrong", ["bands", "axes"])
def test_a_wrong_input_is_one_sentence(name, wrong):
    x = images(name)
    x = torch.cat([x, x], 1) if wrong == "bands" else x[0]
    with pytest.raises(
        InputError, match=r"this network takes .*create it with the bands"
    ) as caught:
        small(name)(x)
    assert str(tuple(x.shape)) in str(caught.value)


@pytest.mark.parametrize("name", ["resnet-18", "mobilenet-v2", "deeplab-v3-plus"])
def test_recomputed_gradients_are_the_same(name):
    x, found = images(name), []
    for recomputed in (False, True):
        network = small(name, dropout=0.0).train()
        network.set_grad_checkpointing(recomputed)
        network(x).square().sum().backward()
        found.append([weight.grad for weight in network.parameters()])
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-3)
