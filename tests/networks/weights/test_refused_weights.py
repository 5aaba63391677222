"""Files of weights that can't be taken: refused with a sentence, and nothing is changed."""

from __future__ import annotations

import pytest
import torch
from tests.networks.weights.test_pretrained import Outsider, changed, copy_of, created, weights_of

from spectile.errors import InputError
from spectile.networks.weights.pretrained import start_from


@pytest.mark.parametrize("kind", ["text", "cut", "safetensors", "objects", "empty", "list", "none"])
def test_a_file_without_weights_is_refused(kind, tmp_path):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind in ("text", "safetensors"):
        path.write_text("not weights at all")
    elif kind == "cut":
        torch.save(created("resnet-18").state_dict(), path)
        path.write_bytes(path.read_bytes()[:100_000])
    elif kind != "none":
        content = {"objects": {"a": Outsider()}, "empty": {"epoch": 3}, "list": [torch.ones(1)]}
        torch.save(content[kind], path)
    with pytest.raises(InputError) as caught:
        start_from(created("resnet-18"), path, name="resnet-18", bands=3)
    assert str(path) in str(caught.value)
    assert "give" in str(caught.value)


@pytest.mark.parametrize(
    ("saved", "options", "wanted", "reason"),
    [
        ("resnet-34", {}, "resnet-18", r"layers\.0\.2\.conv1\.conv\.weight is unknown; .* more"),
        ("resnet-18", {}, "resnet-34", r"layers\.0\.2\.conv1\.conv\.weight is missing; .* more"),
        (
            "mobilenet-v2",
            {"width": 0.5},
            "mobilenet-v2",
            r"stem\.conv\.weight is 16 x 3 x 3 x 3, not 32 x 3 x 3 x 3",
        ),
        ("hybridsn", {}, "resnet-18", "another network than resnet-18|No layer of resnet-18"),
    ],
)
def test_weights_of_another_network_change_nothing(saved, options, wanted, reason, tmp_path):
    bands = 15 if saved == "hybridsn" else 3
    torch.save(created(saved, bands=bands, **options).state_dict(), tmp_path / "w.pt")
    network = created(wanted)
    before = copy_of(network)
    with pytest.raises(InputError, match=reason):
        start_from(network, tmp_path / "w.pt", name=wanted, bands=3)
    assert changed(network, before) == set()


def test_foreign_names_without_their_source_are_refused_with_the_way_out(tmp_path):
    torch.save(weights_of("resnet-18", "torchvision"), tmp_path / "w.pth")
    with pytest.raises(InputError, match="weights_from timm or torchvision"):
        start_from(created("resnet-18"), tmp_path / "w.pth", name="resnet-18", bands=3)


def test_foreign_weights_of_another_network_name_the_file(tmp_path):
    torch.save(weights_of("resnet-18", "torchvision"), tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth: These weights of timm are not those"):
        start_from(
            created("resnet-34"), tmp_path / "w.pth", name="resnet-34", bands=3, source="timm"
        )
