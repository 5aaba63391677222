"""Networks are found by name: those of the package's folders, and those of other packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from spectile import networks
from spectile.errors import InputError
from spectile.networks import registry, windows

NETWORK = """
from torch import Tensor, nn
from spectile.networks import register

@register("{name}", takes="windows", summary="one layer", paper="none", bias=True)
@register("{name}-plain", takes="windows", summary="without bias", paper="none", bias=False)
class Small(nn.Module):
    def __init__(self, bands: int, classes: int, *, window: int = 9, bias: bool = True) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(bands * window**2, classes, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Found anew, and forgotten afterwards."""
    networks.names()
    modules = set(sys.modules)
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    registry._load_own.cache_clear()
    registry._load_plugins.cache_clear()
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    registry._load_own.cache_clear()
    registry._load_plugins.cache_clear()


def package(folder: Path, name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with an entry point."""
    (folder / f"{name}.py").write_text(source)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[spectile.networks]\nnetworks = {name}\n")
    monkeypatch.syspath_prepend(folder)


def test_names_come_by_what_they_take_and_by_family() -> None:
    names = networks.names()
    assert names[:4] == ("hybridsn", "hybridsn-se", "hybridsn-2d", "hybridsn-3d")
    assert names[4:8] == ("svm", "lda", "resnet-18", "resnet-34")
    assert names[-4:] == ("mobilenet-v3-small", "deeplab-v3-plus", "blendmask", "blendmask-rt")
    assert [networks.describe(names[place]).takes for place in (0, 6, -3, -1)] == [
        *("windows", "images", "pixels", "instances")
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nets/mine.py:", "name its class or function as well, as in nets/mine.py:Name"),
        ("nets/mine.py:Mine", "code of your own is for windows of a scene"),
        ("hybridsm", "did you mean hybridsn?"),
        ("nets.mine.Own", "or code as mynets.py:Name."),
    ],
)
def test_what_was_meant_by_a_name_is_told(name: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        networks.describe(name)
    assert said in str(refused.value)


def test_a_file_in_a_folder_of_networks_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dropped.py").write_text(NETWORK.format(name="dropped"))
    monkeypatch.setattr(windows, "__path__", [*windows.__path__, str(tmp_path)])
    names = networks.names()
    at = names.index("dropped")
    assert names[at - 1 : at + 3] == ("lda", "dropped", "dropped-plain", "resnet-18")
    assert list(networks.describe("dropped").options) == ["window", "spectral_branch"]
    network = networks.create("dropped-plain", bands=3, classes=2, window=5)
    assert network(torch.zeros(1, 3, 5, 5)).tolist() == [[0, 0]]


def test_a_package_adds_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "guests", NETWORK.format(name="guest"), monkeypatch)
    network = networks.create("guest", bands=3, classes=2, window=5, spectral_branch=0.5)
    assert network(torch.zeros(4, 3, 5, 5)).shape == (4, 2)
    assert "guest-plain" in networks.names()


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import torch_of_tomorrow", "ModuleNotFoundError: No module named 'torch_of_tomorrow'"),
        (NETWORK.format(name="hybridsn"), "there is a network called hybridsn"),
    ],
)
def test_a_broken_package_is_one_warning(
    source: str,
    fault: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    package(tmp_path, "ruin", source, monkeypatch)
    assert networks.names()[0] == networks.names()[0] == "hybridsn"
    (record,) = caplog.records
    assert record.getMessage().startswith("the plugin networks of ruin is left out (")
    assert fault in record.getMessage()
    assert type(networks.create("hybridsn", bands=3, classes=2)).__name__ == "HybridSN"
