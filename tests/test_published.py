"""The honest table, on a simulated scene and with networks that nobody published."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import spectile
from spectile.data.datasets.simulated import simulate
from spectile.data.labels.labels import labels_from_array
from spectile.data.readers.in_memory import scene_from_array

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
NETWORK = """
import torch
import a_package_that_nobody_has as lacking
from beside import WIDTH
from torch import nn

KERNEL = 5


class SSFTTnet(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.body = nn.Conv3d(1, WIDTH, (30, 3, 3))
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, x):  # (N, 1, 30, 13, 13)
        return self.head(torch.relu(self.body(x)).mean((2, 3, 4)))


def kernel():
    return KERNEL


def needing():
    return lacking.anything


raise SystemExit("nobody asked for training")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of one checked-out project."""
    folder = tmp_path / "projects" / "zgr6010+HSI_SSFTT"
    code = folder / "cls_SSFTT_IP"
    code.mkdir(parents=True)
    (code / "SSFTTnet.py").write_text(NETWORK)
    (code / "beside.py").write_text("WIDTH = 4\n")
    (folder / "COMMIT").write_text("0123456789abcdef\n")
    return folder


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


def made(folder: Path, out: Path, *options: str) -> str:
    """What the script prints."""
    chosen = ("--networks", "svm,svm-smoothed,ssftt,dbda", "--seeds", "1", "--workers", "1")
    script = [sys.executable, str(BENCHMARKS / "published.py"), str(folder)]
    done = subprocess.run(
        [*script, "--out", str(out), "--quick", *chosen, *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_table_is_made_and_goes_on(project: Path, tmp_path: Path) -> None:
    folder, out = project.parent, tmp_path / "table"
    printed = made(folder, out)
    assert "dbda is left out" in printed
    assert "runs to make: 6\n" in printed
    assert "zgr6010/HSI_SSFTT at 0123456789" in printed
    assert "pixels to train, validate, test." in printed
    kept = {split: out / split / "ssftt" / "seed-0.json" for split in ("random", "blocks")}
    random, blocks = (json.loads(path.read_text()) for path in kept.values())
    assert random["window_overlap"] > 0.9
    assert blocks["window_overlap"] == 0
    assert blocks["guard"] == 12
    assert random["epochs"] == 5
    assert random["parameters"] == 4 * 30 * 9 + 4 + 4 * 4 + 4
    # A run that is gone, and one of other settings, are made again, and to the same scores.
    kept["random"].unlink()
    assert "| not run |" in made(folder, out, "--show")
    kept["blocks"].write_text(json.dumps(blocks | {"settings": "others"}))
    assert "runs to make: 2\n" in made(folder, out)
    again = [json.loads(path.read_text())["scores"] for path in kept.values()]
    assert again == [random["scores"], blocks["scores"]]
    assert "runs to make: 0\n" in made(folder, out)


@pytest.mark.usefixtures("benchmarks")
def test_classes_come_without_their_script(project: Path) -> None:
    from published_classes import classes_in

    file = project / "cls_SSFTT_IP" / "SSFTTnet.py"
    found = classes_in(file)
    assert found.SSFTTnet(num_classes=3).head.out_features == 3
    assert found.kernel() == 5
    assert classes_in(file, constants={"KERNEL": 7}).kernel() == 7
    with pytest.raises(ImportError, match="uses lacking, which isn't there"):
        found.needing()
    assert "beside" not in sys.modules


@pytest.mark.usefixtures("benchmarks")
def test_commits(tmp_path: Path) -> None:
    from published_classes import commit_of, project_folder

    git = tmp_path / "name" / ".git"
    git.mkdir(parents=True)
    folder = project_folder(tmp_path, "owner/name")
    assert folder == tmp_path / "name"
    assert project_folder(tmp_path, "owner/other") is None
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit_of(folder) == "unknown"
    (git / "packed-refs").write_text("# pack-refs\nabc refs/heads/main\ndef refs/heads/x\n")
    assert commit_of(folder) == "abc"
    (git / "HEAD").write_text("fed\n")
    assert commit_of(folder) == "fed"


@pytest.mark.usefixtures("benchmarks")
def test_nothing_beyond_its_window_reaches_a_smoothed_pixel() -> None:
    from smoothing import WINDOW, smoothed

    rng = np.random.default_rng(1)
    classes, guide = rng.integers(1, 4, (60, 60)), rng.normal(size=(3, 60, 60))
    before = smoothed(classes, guide)[30, 30]
    half = WINDOW // 2
    inside = np.zeros((60, 60), np.bool_)
    inside[30 - half : 31 + half, 30 - half : 31 + half] = True
    assert smoothed(np.where(inside, classes, 1), np.where(inside, guide, 9))[30, 30] == before


class Padded(nn.Module):
    """Pads its window at once, so that windows share nothing."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(bands, 8, 3, padding=1)
        self.head = nn.Linear(8 * 25, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.body(x)).flatten(1))


@pytest.mark.usefixtures("benchmarks")
def test_test_windows_alone_score_as_the_map_does(tmp_path: Path) -> None:
    from published_windows import train_and_test

    pixels, classes = simulate(30, 30, 12, 3, seed=0)
    scene, labels = scene_from_array(pixels), labels_from_array(classes)
    sides = np.random.default_rng(0).integers(1, 4, classes.shape).astype(np.uint8)
    settings: dict[str, Any] = {
        "network": Padded,
        "split": sides,
        "recipe": "paper",
        "window": 5,
        "reducer": "standardise",
        "epochs": 2,
    }
    whole = spectile.train(scene, labels, out=tmp_path / "whole", quiet=True, **settings)
    train_and_test(scene, labels, out=tmp_path / "alone", **settings)
    alone = spectile.open_run(tmp_path / "alone", network=Padded)
    assert whole.metrics["map_method"] == "patches"
    for name in ("confusion", "split"):
        assert alone.metrics[name] == whole.metrics[name]
