"""HybridSN equals its authors' network, number by number, and takes any bands, window, classes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.networks import procedural

from spectile import networks
from spectile.errors import InputError

GOLDEN = Path(__file__).parent / "golden"

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
    network = networks.create(name, bands=30, classes=16).eval()
    assert sum(p.numel() for p in network.parameters()) == golden["params"]
    weights = {}
    for key, shape in golden["state"].items():
        layer, kind = key.rsplit(".", 1)
        weights[f"{LAYERS[layer]}.{kind}"] = procedural.tensor(key, shape)
    network.load_state_dict(weights)
    x = torch.from_numpy(procedural.array("input", golden["input"])).squeeze(1)
    with torch.inference_mode():
        logits = network(x).numpy()
    expected = np.array(golden["output"]).reshape(golden["output_shape"])
    assert np.abs(logits - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["hybridsn", "hybridsn-se"])
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
    ("options", "message"),
    [
        ({"window": 24}, "odd"),
        ({"window": 7}, "from 9 on"),
        ({"window": 25, "wdith": 2}, "no option 'wdith'"),
    ],
)
def test_bad_options_say_what_to_do(options: dict[str, int], message: str) -> None:
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
