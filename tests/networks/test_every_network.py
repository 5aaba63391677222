"""What every network for images promises: sizes, bands, training, layouts, export, fine-tuning."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spectile import networks
from spectile.blocks import SqueezeExcitation
from spectile.errors import InputError

# One of each family, the smallest, with every option that changes what runs.
FAMILIES: dict[str, dict[str, Any]] = {
    "resnet-18": {"attention": "eca", "stochastic_depth": 0.2, "dropout": 0.1},
    "se-resnet-18": {"stem": "cifar"},
    "se-resnet-50": {"output_stride": 16},
    "sknet-26": {},
    "res2net-50": {"output_stride": 8},
    "mobilenet-v1": {"width": 0.25},
    "mobilenet-v2": {"width": 0.35, "attention": "se", "stochastic_depth": 0.2},
    "mobilenet-v3-large": {"width": 0.5, "output_stride": 16},
    "mobilenet-v3-small": {"width": 0.5, "scaling": "torchvision"},
}
IMAGE_NETWORKS = [name for name in networks.names() if networks.describe(name).takes == "images"]
every_family = pytest.mark.parametrize("name", FAMILIES)
# Tracing takes its time: the blocks of the others are traced with the blocks' tests.
traced_families = pytest.mark.parametrize("name", ["se-resnet-18", "mobilenet-v3-small"])


@pytest.fixture(autouse=True)
def _fixed_weights() -> None:
    torch.manual_seed(0)


def small(name: str, bands: int = 4, classes: int = 6) -> nn.Module:
    return networks.create(name, bands=bands, classes=classes, **FAMILIES[name])


def image(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@every_family
@pytest.mark.parametrize("size", [(1, 1), (33, 50)])
def test_trains_on_a_single_image_of_any_size(name, size):
    network = small(name).train()
    x = image(1, 4, *size)
    logits = network(x)
    assert logits.shape == (1, 6)
    logits.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


@every_family
@pytest.mark.parametrize("bands", [1, 250])
def test_takes_any_number_of_bands(name, bands):
    assert small(name, bands=bands).eval()(image(2, bands, 20, 31)).shape == (2, 6)


@every_family
@pytest.mark.parametrize("size", [(64, 64), (97, 129)])
def test_stages_are_the_channels_and_strides_of_the_features(name, size):
    network = small(name).eval()
    maps = network.features(image(1, 4, *size))
    assert len(maps) == len(network.stages) == 4
    for found, stage in zip(maps, network.stages, strict=True):
        rows, columns = (-(-edge // stage.stride) for edge in size)
        assert found.shape == (1, stage.channels, rows, columns)


@pytest.mark.parametrize("name", ["resnet-18", *(n for n in FAMILIES if "18" not in n)])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_output_stride_is_where_strides_end(name, output_stride):
    with torch.device("meta"):
        network = networks.create(name, bands=3, classes=2, output_stride=output_stride)
        maps = network.features(torch.empty(2, 3, 97, 129))
    expected = [min(stride, output_stride) for stride in (4, 8, 16, 32)]
    assert [stage.stride for stage in network.stages] == expected
    assert [m.shape[1] for m in maps] == [stage.channels for stage in network.stages]
    assert maps[-1].shape[2:] == (-(-97 // output_stride), -(-129 // output_stride))


@every_family
def test_an_image_does_not_depend_on_its_batch(name):
    network = small(name).eval()
    batch = image(3, 4, 40, 37)
    alone = torch.cat([network(x) for x in batch.split(1)])
    torch.testing.assert_close(network(batch), alone, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(network(batch), network(batch), atol=0, rtol=0)


@traced_families
def test_exports_for_any_batch_and_size(name):
    network = small(name).eval()
    dynamic = {0: torch.export.Dim.AUTO, 2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    exported = torch.export.export(
        network, (image(2, 4, 66, 68),), dynamic_shapes=(dynamic,)
    ).module()
    x = image(3, 4, 97, 129)
    torch.testing.assert_close(exported(x), network(x), atol=1e-4, rtol=1e-4)


@traced_families
def test_compiles_without_a_break(name):
    network = small(name).eval()
    x = image(2, 4, 33, 34)
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), network(x), atol=1e-4, rtol=1e-4)


def test_a_training_step_compiles_without_a_break():
    network = networks.create("resnet-18", bands=3, classes=2, attention="se").train()
    twin = copy.deepcopy(network)
    x = image(2, 3, 64, 64)
    torch.compile(network, fullgraph=True, backend="eager")(x).sum().backward()
    twin(x).sum().backward()
    for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(network.state_dict(), twin.state_dict())


@every_family
def test_channels_last_gives_the_same(name):
    network = small(name).eval()
    x = image(2, 4, 40, 37)
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    y = last(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(y, network(x), atol=1e-4, rtol=1e-4)


@every_family
def test_trains_under_bfloat16_autocast(name):
    network = small(name).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(image(2, 4, 40, 37))
    logits.float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


@every_family
def test_half_precision_changes_evaluation_little(name):
    network = small(name).eval()
    x = image(2, 4, 64, 64)
    expected = network(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(x).float()
    assert (found - expected).abs().max() <= 0.1 * expected.abs().max() + 0.02


@every_family
def test_weights_travel_in_the_state_dict(name):
    network = small(name).train()
    network(image(4, 4, 40, 37))  # moves the statistics
    network.eval()
    torch.manual_seed(1)
    other = small(name).eval()
    other.load_state_dict(network.state_dict())
    x = image(2, 4, 40, 37)
    torch.testing.assert_close(other(x), network(x), atol=0, rtol=0)
    torch.testing.assert_close(copy.deepcopy(network)(x), network(x), atol=0, rtol=0)


@every_family
def test_fine_tunes_to_half_the_classes(name):
    network, half = small(name), small(name, classes=3)
    sizes = {key: value.shape for key, value in half.state_dict().items()}
    kept = {k: value for k, value in network.state_dict().items() if value.shape == sizes[k]}
    last = sizes.keys() - kept.keys()
    missing, unexpected = half.load_state_dict(kept, strict=False)
    assert set(missing) == last
    assert len(last) == 2
    assert not unexpected
    assert half(image(2, 4, 33, 34)).shape == (2, 3)


@pytest.mark.parametrize("name", IMAGE_NETWORKS)
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"bands": 0}, "at least one band"),
        ({"classes": -1}, "at least one band and one class"),
        ({"output_stride": 12}, "choose 8, 16 or 32"),
        ({"dropout": 2.0}, "dropout"),
        ({"wdith": 0.5}, "has no option 'wdith': it knows"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(name, arguments, reason):
    with pytest.raises(InputError, match=reason), torch.device("meta"):
        networks.create(name, **{"bands": 3, "classes": 2, **arguments})


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("resnet-50", {"attention": "cbma"}, "did you mean 'cbam'"),
        ("resnet-50", {"stem": "imagnet"}, "choose 'imagenet' or 'cifar'"),
        ("resnet-50", {"depth": 18}, "no option 'depth'"),
        ("resnet-50", {"stochastic_depth": 1.0}, "choose 0 to below 1"),
        ("se-resnet-18", {"reduction": 65}, "choose a reduction between 1 and 64"),
        ("sknet-50", {"groups": 5}, "5 groups don't divide"),
        ("sknet-50", {"kernels": (3, 4)}, "odd kernel sizes"),
        ("res2net-50", {"scale": 1}, "scale from 2"),
        ("mobilenet-v1", {"width": 0.0}, "greater than 0"),
        ("mobilenet-v2", {"width": -1.0}, "greater than 0"),
        ("mobilenet-v2", {"depth": 0.0}, "greater than 0"),
        ("mobilenet-v3-large", {"width": float("nan")}, "finite number"),
        ("mobilenet-v3-small", {"scaling": "keras"}, "choose 'timm' or 'torchvision'"),
    ],
)
def test_an_option_out_of_range_is_refused_in_a_sentence(name, options, reason):
    with pytest.raises(InputError, match=reason), torch.device("meta"):
        networks.create(name, bands=3, classes=2, **options)


@pytest.mark.parametrize(
    ("typed", "meant"), [("resnet50", "resnet-50"), ("mobilenet_v2", "mobilenet-v2")]
)
def test_an_unknown_name_suggests_the_nearest(typed, meant):
    with pytest.raises(InputError, match=f"did you mean {meant}"):
        networks.create(typed, bands=3, classes=2)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("resnet-18", 8), ("sknet-26", 8), ("mobilenet-v2", 17), ("mobilenet-v3-large", 8)],
)
def test_attention_stands_in_every_block_that_has_a_place(name, blocks):
    for attention in ("coordinate", SqueezeExcitation):
        network = networks.create(name, bands=3, classes=2, attention=attention)
        kinds = [type(m).__name__ for n, m in network.named_modules() if n.endswith(".attention")]
        assert sum(kind != "Identity" for kind in kinds) == blocks


def test_attention_can_be_left_out_of_mobilenet_v3():
    network = networks.create("mobilenet-v3-small", bands=3, classes=2, attention=None)
    assert not any("attention" in key for key in network.state_dict())


def test_the_last_block_is_dropped_most_often():
    network = networks.create("resnet-18", bands=3, classes=2, stochastic_depth=0.4)
    rates = [m.rate for n, m in network.named_modules() if n.endswith(".drop")]
    assert rates == pytest.approx([0.05 * number for number in range(1, 9)])
