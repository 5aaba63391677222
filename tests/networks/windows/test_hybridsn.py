"""HybridSN equals its authors' network, number by number, and takes any bands, window, classes.

Its ablations differ in their convolutions alone.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.networks import procedural
from torch import nn

from spectile import networks
from spectile.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden"

# Reference name to ours.
LAYERS = {
    "conv1": "spectral_spatial.0",
    "conv2": "spectral_spatial.2",
    "conv3": "spectral_spatial.4",
    "conv4": "spatial.0",
    "fc_41": "attention.reduce",
    "fc_42": "attention.expand",
    "fc1": "classifier.1",
    "fc2": "classifier.4",
    "fc3": "classifier.7",
}


@pytest.mark.parametrize(
    ("name", "file"), [("hybridsn", "seed_hybridsn"), ("hybridsn-se", "seed_hybridsn_se")]
)
def test_equals_the_reference(name: str, file: str) -> None:
    golden = json.loads((GOLDEN / f"{file}.json").read_text())
    network = networks.create(name, bands=30, classes=16).double().eval()
    assert sum(p.numel() for p in network.parameters()) == golden["params"]
    weights = {}
    for key, shape in golden["state"].items():
        layer, kind = key.rsplit(".", 1)
        weights[f"{LAYERS[layer]}.{kind}"] = procedural.tensor(key, shape)
    network.load_state_dict(weights)
    x = torch.from_numpy(procedural.array("input", golden["input"])).squeeze(1).double()
    with torch.inference_mode():
        logits = network(x).numpy()
    expected = np.array(golden["output"]).reshape(golden["output_shape"])
    assert np.abs(logits - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["hybridsn", "hybridsn-se", "hybridsn-2d", "hybridsn-3d"])
@pytest.mark.parametrize(
    ("bands", "window", "classes"), [(1, 9, 1), (4, 11, 2), (12, 9, 3), (13, 13, 5), (40, 9, 300)]
)
def test_takes_any_bands_window_and_classes(
    name: str, bands: int, window: int, classes: int
) -> None:
    network = networks.create(name, bands=bands, classes=classes, window=window)
    logits = network(torch.randn(1, bands, window, window))
    assert logits.shape == (1, classes)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "trunk"),
    [
        ("hybridsn-2d", 30 * 128 * 9 + 128 + 2 * (128 * 128 * 9 + 128) + 128 * 64 * 9 + 64),
        ("hybridsn-3d", 8 * 63 + 8 + 16 * 360 + 16 + 32 * 432 + 32 + 4 * 864 + 4),
    ],
)
def test_an_ablation_of_thirty_bands_changes_the_trunk_alone(name: str, trunk: int) -> None:
    def shapes(name: str) -> dict[str, torch.Size]:
        weights = networks.create(name, bands=30, classes=16).state_dict()
        return {key: weight.shape for key, weight in weights.items()}

    def classifier(name: str) -> dict[str, torch.Size]:
        return {key: shape for key, shape in shapes(name).items() if key.startswith("classifier")}

    assert classifier(name) == classifier("hybridsn")
    assert sum(s.numel() for key, s in shapes(name).items() if key not in classifier(name)) == trunk


@pytest.mark.parametrize(
    ("bands", "reach", "maps"),
    [(1, 1, 4), (6, 1, 8), (13, 1, 4), (14, 1, 8), (15, 3, 4), (30, 3, 64), (40, 3, 104)],
)
def test_the_fourth_3d_kernel_fits_into_the_depths_left(bands: int, reach: int, maps: int) -> None:
    network = networks.create("hybridsn-3d", bands=bands, classes=2, window=9, attention="eca")
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv3d | nn.Conv2d)]
    assert [type(layer) for layer in layers] == [nn.Conv3d] * 4
    assert layers[-1].weight.shape == (4, 32, reach, 3, 3)
    assert network.trunk(torch.zeros(1, bands, 9, 9)).shape == (1, maps, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 24}, "odd"),
        ({"window": 7}, "from 9 on"),
        ({"convolutions": "4-d"}, "no '4-d' convolutions: choose 'hybrid', '2-d' or '3-d'"),
        ({"spectral_branch": 1.0}, "weight of 1.0: choose one from 0"),
        ({"window": 25, "wdith": 2}, "no option 'wdith'"),
    ],
)
def test_bad_options_say_what_to_do(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        networks.create("hybridsn", bands=30, classes=2, **options)


@pytest.mark.parametrize("block", ["eca", "cbam", "coordinate", "non-local", "strip-pooling"])
def test_any_attention_fits_after_the_2d_convolution(block: str) -> None:
    network = networks.create("hybridsn", bands=13, classes=2, window=9, attention=block)
    logits = network(torch.randn(2, 13, 9, 9))
    assert logits.shape == (2, 2)
    logits.sum().backward()
    with pytest.raises(InputError, match="did you mean"):
        networks.create("hybridsn", bands=13, classes=2, attention=f"{block}s")


def test_the_spectral_branch_sees_the_centre_and_has_its_share() -> None:
    torch.manual_seed(0)
    network = networks.create("hybridsn-2d", bands=5, classes=3, window=9, spectral_branch=0.25)
    network.eval()
    x = torch.randn(2, 5, 9, 9)
    other = x.clone()
    other[:, :, 4, 4] = torch.randn(2, 5)
    windows = networks.create("hybridsn-2d", bands=5, classes=3, window=9).eval()
    windows.load_state_dict(network.state_dict(), strict=False)
    for images in (x, other):
        spectra = network.spectral_branch(images[:, :, 4, 4])
        expected = 0.75 * windows(images) + 0.25 * spectra
        torch.testing.assert_close(network(images), expected)


def test_exports_compiles_and_runs_in_half_precision() -> None:
    network = networks.create("hybridsn-se", bands=13, classes=3, window=9).eval()
    x = torch.randn(2, 13, 9, 9)
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    exported = torch.export.export(network, (x,), dynamic_shapes=(batch,)).module()
    more = torch.randn(5, 13, 9, 9)
    torch.testing.assert_close(exported(more), network(more))
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), network(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert (network(x) - network.float()(x)).abs().max() < 0.1


def test_another_window_than_its_own_is_refused() -> None:
    network = networks.create("hybridsn", bands=13, classes=2, window=11)
    with pytest.raises(InputError, match=r"windows \(N, 13, 11, 11\), not \(1, 13, 9, 9\)"):
        network(torch.zeros(1, 13, 9, 9))


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean hybridsn-se"):
        networks.create("hybridsnse", bands=30, classes=2)
