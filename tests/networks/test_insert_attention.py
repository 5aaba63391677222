"""Attention put into networks that stand already: nothing changes until it has learnt something."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from spectile.blocks.attention import ATTENTION
from spectile.blocks.squeeze_excitation import SqueezeExcitation
from spectile.errors import InputError
from spectile.networks.insertion import attention_places, insert_attention
from spectile.networks.windows.hybridsn import HybridSN


class Residual(nn.Module):
    """A block in the style of torchvision's: one in-place ReLU, used twice."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(nn.Conv2d(before, after, 1), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += self.downsample(x)
        return self.relu(y)


class Foreign(nn.Module):
    """A network that knows nothing of this package."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.stem = nn.Conv2d(4, 16, 3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Residual(16, 16), Residual(16, 16))
        self.layer2 = nn.Sequential(Residual(16, 32))
        self.last = nn.Conv2d(32, 32, 1)
        self.fc = nn.Linear(32, 5)
        self.never_called = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        x = self.layer2(self.layer1(x))
        x = self.relu(self.last(x))
        return self.fc(x.mean((2, 3)))


@pytest.fixture
def foreign() -> Foreign:
    torch.manual_seed(0)
    return Foreign()


def images(n: int = 3, bands: int = 4, side: int = 12) -> Tensor:
    return torch.randn(n, bands, side, side, generator=torch.Generator().manual_seed(1))


def step(net: nn.Module, x: Tensor, rate: float = 0.1) -> None:
    net.zero_grad()
    net(x).square().mean().backward()
    with torch.no_grad():
        for p in net.parameters():
            if p.grad is not None:
                p -= rate * p.grad


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("training", [False, True])
def test_a_foreign_network_stays_the_same_and_then_learns(foreign, name, training):
    x = images()
    foreign.train(training)
    expected = copy.deepcopy(foreign)(x)
    assert insert_attention(foreign, name, where="layer?.*.bn2") is foreign
    assert attention_places(foreign) == ("layer1.0.bn2", "layer1.1.bn2", "layer2.0.bn2")
    torch.testing.assert_close(foreign(x), expected, atol=0, rtol=0)

    inserted = {n: p for n, p in foreign.named_parameters() if "inserted_attention" in n}
    start = {n: p.detach().clone() for n, p in inserted.items()}
    step(foreign, x)
    for place in attention_places(foreign):  # each block has begun to act after one step
        assert any(not torch.equal(p, start[n]) for n, p in inserted.items() if place in n)
    step(foreign, x)
    still = [n for n, p in inserted.items() if p.grad is None or not p.grad.abs().max() > 0]
    # A bias before a BatchNorm, or one that a softmax cancels, never has a gradient.
    assert all(n.endswith("bias") for n in still)


def test_a_network_built_here_stays_the_same_and_then_learns():
    torch.manual_seed(0)
    net = HybridSN(15, 4, window=11).eval()
    x = torch.randn(3, 15, 11, 11)
    expected = net(x)
    insert_attention(net, "cbam", where="spatial")
    assert attention_places(net) == ("spatial",)
    torch.testing.assert_close(net(x), expected, atol=0, rtol=0)
    step(net, x)
    step(net, x)
    inserted = net.spatial.inserted_attention
    assert inserted.alpha.abs() > 0
    assert inserted.block.channel.mlp[0].weight.grad.abs().max() > 0
    assert not torch.equal(net(x), expected)


def test_names_of_the_weights_that_were_there_stay(foreign):
    pretrained = Foreign().state_dict()
    insert_attention(foreign, "se", where="layer*")
    missing, unexpected = foreign.load_state_dict(pretrained, strict=False)
    assert unexpected == []
    assert all("inserted_attention" in key for key in missing)


@pytest.mark.parametrize(
    ("where", "places"),
    [
        ("layer?", ("layer1", "layer2")),
        ("stem", ("stem",)),
        ("layer1.?", ("layer1.0", "layer1.1")),
        (lambda name, module: name.endswith("downsample"), None),
        (lambda name, module: isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3), None),
    ],
)
def test_where_is_a_pattern_or_a_function_of_name_and_module(foreign, where, places):
    x = images()
    foreign.eval()
    expected = foreign(x)
    insert_attention(foreign, "eca", where=where)
    found = attention_places(foreign)
    assert found == places if places else len(found) in (3, 7)
    torch.testing.assert_close(foreign(x), expected, atol=0, rtol=0)
    for part in foreign.modules():
        if hasattr(part, "alpha"):
            nn.init.ones_(part.alpha)
    assert not torch.allclose(foreign(x), expected)


def test_what_gives_no_map_is_left_alone(foreign):
    insert_attention(foreign, "eca", where=lambda name, _: name in {"fc", "stem", "never_called"})
    assert attention_places(foreign) == ("stem",)


def test_nothing_else_of_the_network_changes(foreign):
    foreign.train()
    foreign.layer1.eval()
    before = copy.deepcopy(foreign.state_dict())
    modes = {name: m.training for name, m in foreign.named_modules()}
    insert_attention(foreign, "non-local", where="layer2.0.conv2", example=images())
    after = foreign.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert all(foreign.get_submodule(name).training == mode for name, mode in modes.items())
    assert not foreign.layer1.training
    assert foreign.layer2[0].conv2.inserted_attention.training


def test_survives_copying_pickling_export_and_compilation(foreign):
    insert_attention(foreign.eval(), partial(SqueezeExcitation, reduction=4), where="layer?.0*")
    for part in foreign.modules():
        if hasattr(part, "alpha"):
            nn.init.constant_(part.alpha, 0.5)
    x = images()
    expected = foreign(x)
    twin = copy.deepcopy(foreign)
    for part in foreign.modules():  # the copy has blocks of its own
        if hasattr(part, "alpha"):
            nn.init.constant_(part.alpha, 0.7)
    assert not torch.allclose(foreign(x), expected)
    torch.testing.assert_close(twin(x), expected, atol=0, rtol=0)
    torch.testing.assert_close(pickle.loads(pickle.dumps(twin))(x), expected, atol=0, rtol=0)
    torch.testing.assert_close(torch.export.export(twin, (x,)).module()(x), expected)
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), expected)


def test_blocks_take_the_networks_precision(foreign):
    insert_attention(foreign.double(), "se", where="layer?.*.bn2")
    assert {p.dtype for p in foreign.parameters()} == {torch.float64}
    assert foreign(images().double()).dtype is torch.float64


def test_keeps_bfloat16_maps_as_they_are(foreign):
    insert_attention(foreign.eval(), "se", where="stem")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert foreign.stem(images()).dtype is torch.bfloat16


def test_an_unknown_block_suggests_the_nearest(foreign):
    with pytest.raises(InputError, match="did you mean 'cbam'"):
        insert_attention(foreign, "cbma", where="stem")


def test_a_pattern_that_picks_nothing_suggests_the_nearest(foreign):
    with pytest.raises(InputError, match=r"did you mean 'layer2.0.conv1'"):
        insert_attention(foreign, "se", where="layer2.0.conf1")
    with pytest.raises(InputError, match="No module of Foreign is picked"):
        insert_attention(foreign, "se", where=lambda name, module: False)


@pytest.mark.parametrize("where", ["fc", "never_called"])
def test_places_without_a_map_are_refused(foreign, where):
    with pytest.raises(InputError, match=f"{where} give no maps"):
        insert_attention(foreign, "eca", where=where)


def test_a_module_with_maps_of_different_widths_is_refused(foreign):
    with pytest.raises(InputError, match="relu is used in several places with different channels"):
        insert_attention(foreign, "se", where="relu")


def test_a_second_block_in_the_same_place_is_refused(foreign):
    insert_attention(foreign, "se", where="layer1")
    with pytest.raises(InputError, match="layer1 already carries"):
        insert_attention(foreign, "eca", where="layer?")
    assert attention_places(foreign) == ("layer1",)


def test_a_block_that_does_not_fit_names_the_place_and_leaves_all_as_it_was(foreign):
    with pytest.raises(InputError, match=r"stem: squeeze-and-excitation can't reduce 16 channels"):
        insert_attention(foreign, partial(SqueezeExcitation, reduction=20), where="[ls]*")
    with pytest.raises(InputError, match="keep the shape"):
        insert_attention(foreign, lambda channels: nn.Conv2d(channels, 3, 1), where="stem")
    assert attention_places(foreign) == ()


class NeedsTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 1)
        self.after = nn.Sequential(nn.Conv2d(16, 16, 1), nn.ReLU())

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.after(self.conv(x * mask))


def test_a_network_that_cannot_be_run_is_taken_at_its_word_or_asks_for_an_example():
    net = NeedsTwo()
    insert_attention(net, "se", where="conv")  # says its channels itself
    assert attention_places(net) == ("conv",)
    with pytest.raises(InputError, match="give one that it takes as example="):
        insert_attention(net, "se", where="after")


def test_an_example_that_does_not_fit_is_named(foreign):
    with pytest.raises(InputError, match=r"Foreign can't be run on the example .*channels"):
        insert_attention(foreign, "se", where="stem", example=images(bands=3))


class Greedy(nn.Sequential):
    """Calls its children its own way, so that one more would be run as well."""

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = x + layer(x)
        return x


def test_a_container_with_a_way_of_its_own_is_refused():
    net = nn.Sequential(Greedy(nn.Conv2d(16, 16, 1)))
    with pytest.raises(InputError, match="pick modules inside it"):
        insert_attention(net, "se", where="0")
    insert_attention(net, "se", where="0.0")
    assert attention_places(net) == ("0.0",)
