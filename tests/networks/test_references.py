"""Networks give what timm, torchvision and the seed documents' own code gave, through convert."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.networks import procedural
from torch import Tensor, nn

from spectile import networks
from spectile.blocks.selective_kernel import SelectiveKernel

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 1e-4
"""Of the largest value."""
SEED_TO_TIMM = {".fc": ".se.fc", "shortcut": "downsample", "linear": "fc"}

NETWORKS = [
    ("timm_resnet50", "resnet-50"),
    ("timm_seresnet50", "se-resnet-50"),
    ("timm_skresnext50_32x4d", "sknet-50"),
    ("timm_res2net50_26w_4s", "res2net-50"),
    ("timm_mobilenetv1_100", "mobilenet-v1"),
    ("timm_mobilenetv3_large_100", "mobilenet-v3-large"),
    ("torchvision_resnet18", "resnet-18"),
    ("torchvision_mobilenet_v2", "mobilenet-v2"),
    ("torchvision_mobilenet_v3_large", "mobilenet-v3-large"),
    ("torchvision_mobilenet_v3_small", "mobilenet-v3-small"),
]


def read(file: str) -> dict:
    return json.loads((GOLDEN / f"{file}.json").read_text())


def weights(golden: dict) -> dict[str, Tensor]:
    return {key: procedural.tensor(key, shape) for key, shape in golden["state"].items()}


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def assert_output(golden: dict, output: Tensor) -> None:
    assert list(output.shape) == golden["output_shape"]
    values = output.flatten()
    if "output_index" in golden:
        values = values[golden["output_index"]]
    expected = torch.tensor(golden["output"])
    assert (values - expected).abs().max() <= TOLERANCE * expected.abs().max()


@pytest.mark.parametrize(("file", "name"), NETWORKS, ids=[file for file, _ in NETWORKS])
def test_equals_the_reference(file: str, name: str) -> None:
    golden = read(file)
    network = networks.create(name, bands=3, classes=1000).eval()
    assert parameters(network) == golden["params"]
    source = file.split("_")[0]
    network.load_state_dict(networks.convert(weights(golden), source=source, network=name))
    with torch.inference_mode():
        logits = network(procedural.tensor("input", golden["input"]))
    assert_output(golden, logits)


def test_dilated_resnet_equals_the_reference() -> None:
    golden = read("timm_resnet50_features_os16")
    network = networks.create("resnet-50", bands=3, classes=1, output_stride=16).eval()
    assert parameters(network) - parameters(network.classifier) == golden["params"]
    converted = networks.convert(weights(golden), source="timm", network="resnet-50")
    missing, unexpected = network.load_state_dict(converted, strict=False)
    assert missing == ["classifier.weight", "classifier.bias"]
    assert not unexpected
    with torch.inference_mode():
        maps = network.features(procedural.tensor("input", golden["input"]))
    assert_output(golden, maps[-1])


def test_se_resnet_for_small_images_equals_the_seed() -> None:
    golden = read("seed_senet_cifar")
    network = networks.create("se-resnet-18", bands=3, classes=10, stem="cifar").eval()
    assert parameters(network) == golden["params"]
    # The seed's names are timm's but for the gates and the shortcuts.
    renamed = {}
    for key, tensor in weights(golden).items():
        for there, timm in SEED_TO_TIMM.items():
            key = key.replace(there, timm)
        renamed[key] = tensor
    network.load_state_dict(networks.convert(renamed, source="timm", network="se-resnet-18"))
    with torch.inference_mode():
        logits = network(procedural.tensor("input", golden["input"]))
    assert_output(golden, logits)


def test_simple_selective_kernel_equals_the_seed() -> None:
    golden = read("seed_skconv_m3")
    block = SelectiveKernel(
        64, kernels=(3, 5, 7), dilated=False, stride=2, groups=8, reduction=4, fusion="simple"
    ).eval()
    assert parameters(block) == golden["params"]
    given = weights(golden)
    selects = [given[f"fcs.{branch}.{kind}"] for kind in ("weight", "bias") for branch in range(3)]
    state = {
        "fuse.weight": given["fc.weight"][:, :, None, None],
        "fuse.bias": given["fc.bias"],
        "select.weight": torch.cat(selects[:3])[:, :, None, None],
        "select.bias": torch.cat(selects[3:]),
    }
    for branch in range(3):
        for there, here in (("0", "conv"), ("1", "norm")):
            prefix = f"convs.{branch}.{there}."
            for key in given:
                if key.startswith(prefix):
                    state[f"branches.{branch}.{here}.{key.removeprefix(prefix)}"] = given[key]
    block.load_state_dict(state)
    with torch.inference_mode():
        selected = block(procedural.tensor("input", golden["input"]))
    assert_output(golden, selected)
