"""Weights of timm and torchvision: any width, any order, and mismatches named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from spectile import networks
from spectile.errors import InputError
from spectile.networks.weights.convert import DIALECTS

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {
    ("timm", "resnet-50"): "timm_resnet50",
    ("timm", "se-resnet-50"): "timm_seresnet50",
    ("timm", "sknet-50"): "timm_skresnext50_32x4d",
    ("timm", "res2net-50"): "timm_res2net50_26w_4s",
    ("timm", "mobilenet-v1"): "timm_mobilenetv1_100",
    ("timm", "mobilenet-v3-large"): "timm_mobilenetv3_large_100",
    ("torchvision", "resnet-18"): "torchvision_resnet18",
    ("torchvision", "mobilenet-v2"): "torchvision_mobilenet_v2",
    ("torchvision", "mobilenet-v3-large"): "torchvision_mobilenet_v3_large",
    ("torchvision", "mobilenet-v3-small"): "torchvision_mobilenet_v3_small",
}


def foreign(source: str, name: str, **options: Any) -> dict[str, Tensor]:
    """Weights as `source` would name them, of our network with `options`.

    The golden files tell the names, for the widths they are for; the shapes are the network's.
    """
    keys = json.loads((GOLDEN / f"{FILES[source, name]}.json").read_text())["state"]
    names = DIALECTS[source, name].names(keys)
    with torch.device("meta"):
        ours = networks.create(name, **{"bands": 3, "classes": 10, **options}).state_dict()
    weights = {key: torch.zeros(ours[names[key]].shape) for key in keys}
    if source == "timm" and "conv_head.bias" in weights:
        weights["conv_head.weight"] = weights["conv_head.weight"][:, :, None, None]
    return weights


@pytest.mark.parametrize(
    ("source", "name", "options"),
    [
        ("timm", "resnet-50", {"bands": 12, "classes": 2}),
        ("timm", "se-resnet-50", {"reduction": 8, "bands": 1}),
        ("timm", "res2net-50", {"width": 14, "classes": 1}),
        ("timm", "mobilenet-v1", {"width": 1.25, "bands": 5}),
        ("torchvision", "mobilenet-v2", {"width": 0.35}),
        ("torchvision", "mobilenet-v2", {"width": 1.4, "bands": 200}),
        ("timm", "mobilenet-v3-large", {"width": 0.75}),
        ("timm", "mobilenet-v3-large", {"width": 0.5}),
        ("torchvision", "mobilenet-v3-large", {"width": 0.5, "scaling": "torchvision"}),
        ("torchvision", "mobilenet-v3-small", {"width": 2.0, "scaling": "torchvision"}),
        ("torchvision", "resnet-18", {"stem": "cifar"}),
    ],
    ids=str,
)
def test_any_bands_classes_and_widths_fit(source, name, options):
    converted = networks.convert(foreign(source, name, **options), source=source, network=name)
    with torch.device("meta"):
        network = networks.create(name, **{"bands": 3, "classes": 10, **options})
    assert {k: v.shape for k, v in converted.items()} == {
        k: v.shape for k, v in network.state_dict().items()
    }


@pytest.mark.parametrize(("source", "name"), FILES)
def test_the_order_of_the_weights_does_not_matter(source, name):
    """Safetensors files come back in alphabetical order, in which block 10 is before block 2."""
    weights = foreign(source, name)
    shuffled = dict(sorted(weights.items()))
    converted = networks.convert(weights, source=source, network=name)
    assert networks.convert(shuffled, source=source, network=name).keys() == converted.keys()


@pytest.mark.parametrize(("source", "name"), FILES)
def test_old_weights_without_batch_counters_load(source, name):
    weights = foreign(source, name)
    old = {key: value for key, value in weights.items() if not key.endswith("batches_tracked")}
    assert len(old) < len(weights)
    network = networks.create(name, bands=3, classes=10)
    network.load_state_dict(networks.convert(old, source=source, network=name))


@pytest.mark.parametrize(
    ("source", "name", "headless"),
    [
        ("timm", "mobilenet-v3-large", ("conv_head", "classifier")),
        ("timm", "mobilenet-v3-large", ("classifier",)),
        ("torchvision", "mobilenet-v2", ("features.18", "classifier")),
        ("torchvision", "resnet-18", ("fc",)),
    ],
)
def test_weights_for_features_alone_stay_without_a_classifier(source, name, headless):
    weights = foreign(source, name)
    features = {key: value for key, value in weights.items() if not key.startswith(headless)}
    converted = networks.convert(features, source=source, network=name)
    network = networks.create(name, bands=3, classes=10)
    missing, unexpected = network.load_state_dict(converted, strict=False)
    assert all(key.startswith(("classifier", "tail")) for key in missing)
    assert missing
    assert not unexpected


def test_another_depth_names_the_first_layers_that_differ():
    weights = foreign("timm", "resnet-50")
    with pytest.raises(InputError) as caught:
        networks.convert(weights, source="timm", network="resnet-101")
    assert "not those of resnet-101: layers.2.6.conv1.conv.weight is missing" in str(caught.value)
    assert "more." in str(caught.value)
    with pytest.raises(InputError, match=r"layer1\.0\.conv1\.weight is 64 x 64 x 1 x 1, not 64 x"):
        networks.convert(weights, source="timm", network="resnet-34")


def test_another_shape_is_named_with_both():
    weights = foreign("torchvision", "resnet-18")
    weights["layer2.0.conv1.weight"] = torch.zeros(128, 64, 5, 5)
    with pytest.raises(
        InputError, match=r"layer2\.0\.conv1\.weight is 128 x 64 x 5 x 5, not 128 x 64 x 3 x 3"
    ):
        networks.convert(weights, source="torchvision", network="resnet-18")


def test_a_foreign_layer_is_named():
    weights = foreign("torchvision", "resnet-18") | {"layer1.0.se.conv.weight": torch.zeros(1)}
    with pytest.raises(InputError, match=r"layer1\.0\.se\.conv\.weight is unknown"):
        networks.convert(weights, source="torchvision", network="resnet-18")


def test_weights_of_something_else_altogether_are_refused():
    for source, name in FILES:
        numbers = dict.fromkeys(foreign(source, name), torch.tensor(1.0))
        for weights in ({}, {"a": torch.zeros(1)}, {"conv1.weight": torch.zeros(3)}, numbers):
            with pytest.raises(InputError, match="are not those of"):
                networks.convert(weights, source=source, network=name)


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        ("torchvision", "sknet-50", "weights for mobilenet-v2, mobilenet-v3-large"),
        ("keras", "resnet-50", "choose timm or torchvision"),
        ("timm", "resnet-51", "did you mean resnet-50"),
    ],
)
def test_what_a_program_does_not_have_is_refused(source, name, reason):
    with pytest.raises(InputError, match=reason):
        networks.convert({}, source=source, network=name)
