"""A network in a file of one's own: from its class to report and map by two commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from tests.cli.conftest import QUICK, Field, spectile

import spectile as package
from spectile.errors import InputError

CODE = """
import torch
from helper import activated
from torch import nn


class Mine(nn.Module):
    def __init__(self, in_channels, num_classes, patch_size, width=8):
        super().__init__()
        self.conv = nn.Conv3d(1, width, (3, 3, 3))
        self.norm = nn.BatchNorm3d(width)
        self.late = nn.Conv2d(width * (in_channels - 2), width, 3, padding=1)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        x = activated(self.norm(self.conv(x))).flatten(1, 2)
        return self.head(torch.relu(self.late(x)).mean((2, 3))), x


class Published(Mine):
    \"\"\"Made for four bands, as its authors had them.\"\"\"

    def __init__(self, num_classes):
        super().__init__(4, num_classes, 8)
"""
HELPER = "def activated(x):\n    return x.relu()\n"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    (folder / "helper.py").write_text(HELPER)
    (folder / "mynets.py").write_text(CODE)
    return folder / "mynets.py"


@pytest.fixture(scope="module")
def run(field: Field, code: Path) -> Path:
    out = field.folder / "runs" / "own"
    settings = ("--network", f"{code}:Mine", "--option", "width=4", "--window", "8")
    spectile(
        "train", "scene", field.scene, field.labels, "--out", out, *QUICK, *settings,
        "--spectral-branch", "0",
    )  # fmt: skip
    return out


def classes(path: Path) -> np.ndarray:
    with rasterio.open(path) as raster:
        return raster.read(1)


def test_its_report_says_how_it_was_fed(run: Path, code: Path) -> None:
    report = (run / "report.html").read_text()
    assert "Mine gets its windows as N1BHW" in report
    assert "tensor 1 are its logits" in report
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["recipe"]["network"] == f"{code}:Mine"
    split = package.open_run(run).metrics["split"]
    assert (split["window"], split["window_overlap"]) == (9, 0)  # of an even window


def test_its_model_maps_by_a_second_command(run: Path, field: Field, code: Path) -> None:
    model, given = run / "model.safetensors", ("--network", f"{code}:Mine")
    dense, patches = field.folder / "own_dense.tif", field.folder / "by_patches.tif"
    spectile("map", model, field.scene, dense, *given, "--quiet")
    spectile("map", model, field.scene, patches, *given, "--method", "patches", "--quiet")
    np.testing.assert_array_equal(classes(dense), classes(run / "map.tif"))
    assert (classes(dense) != classes(patches)).mean() <= 0.001
    printed = spectile(
        "evaluate", model, field.scene, field.labels, "--split", run / "split.tif", *given, "-q"
    )
    assert "overall accuracy" in printed


def test_workers_find_its_code(run: Path, field: Field, code: Path) -> None:
    out = field.folder / "workers.tif"
    given = ("--network", f"{code}:Mine", "--workers", "2", "--quiet")
    spectile("map", run / "model.safetensors", field.scene, out, *given)
    np.testing.assert_array_equal(classes(out), classes(run / "map.tif"))


def test_its_costs_and_its_plan_are_told(code: Path) -> None:
    order = ("models", f"{code}:Mine", "--bands", "5", "--window", "8", "--option", "width=4")
    (found,) = json.loads(spectile(*order, "--json"))
    # 3-D kernels of 27 at 3 x 6 x 6 places, 2-D ones of 9 x 12 at 6 x 6, and the last layer's 16.
    assert (found["network"], found["takes"], found["size"]) == ("Mine", "windows", [8, 8])
    assert found["multiply_adds"] == 4 * 27 * 108 + 4 * 9 * 12 * 36 + 4 * 16
    assert "\nlate " in spectile(*order, "--plan")
    refused = spectile("models", f"{code}:Strange", code=2)
    assert "has no Strange" in refused


def test_a_finished_run_is_known_as_one(run: Path) -> None:
    assert "finished already" in spectile("train", "scene", "--out", run, "--resume", "--quiet")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (None, "and not its code: give that by --network, as in mynets.py:Mine"),
        ("", "the file .*there.py is not there"),
        (("(3, 3, 3)", "(3, 3, 5)"), "isn't Mine as it was saved: its conv.weight is"),
        (("relu(self.late(x))", "tanh(self.late(x))"), "computes something else with them"),
        (("self.late = ", "self.last = self.late = "), "it has last.weight, which the saved one"),
        (("num_classes, patch", "num_classes, depth, patch"), "Mine needs depth, which nobody"),
        (("class Mine", "class Yours"), "name 'Mine' is not defined"),
        (("import torch\n", "import torch\nimport notthere\n"), "No module named 'notthere'"),
    ],
)
def test_on_another_machine_what_lacks_or_differs_is_told(
    run: Path, field: Field, tmp_path: Path, changed: object, said: str
) -> None:
    there = tmp_path / "there.py"
    (tmp_path / "helper.py").write_text(HELPER)
    if isinstance(changed, tuple):
        there.write_text(CODE.replace(*changed))
    given = () if changed is None else ("--network", f"{there}:Mine")
    out = tmp_path / "map.tif"
    printed = spectile("map", run / "model.safetensors", field.scene, out, *given, code=2)
    assert not out.exists()
    assert re.search(said, printed), printed


def test_one_bound_to_a_number_of_bands_gets_so_many(field: Field, code: Path) -> None:
    out = field.folder / "runs" / "published"
    common = ("train", "scene", field.scene, field.labels, "--network", f"{code}:Published")
    spectile(*common, "--out", out, *QUICK, "--spectral-branch", "0")
    run = package.open_run(out, network=f"{code}:Published")
    assert run.model.preprocessing.reducer.components == 4
    assert "takes 4 bands and no other number" in (out / "report.html").read_text()
    refused = spectile(*common, "--out", field.folder / "no", "--reducer", "none", code=2)
    assert "Published takes 4 bands and was to get 10" in refused


def test_twelve_lines_of_python(field: Field, code: Path) -> None:
    name = f"{code}:Mine"
    run = package.train(
        field.scene, field.labels, network=name, window=8, components=5, epochs=2,
        spectral_branch=0, option={"width": 4}, quiet=True,
    )  # fmt: skip
    assert run.model.name == "Mine"
    np.testing.assert_array_equal(run.model.map(field.scene), run.map)
    with pytest.raises(InputError, match="takes windows as NBHW: leave out layout"):
        package.train(field.scene, field.labels, layout="NBHW")


RECIPE = """
network: mynets.py:Mine
options: {width: 4}
window: 8
components: 5
epochs: 1
optimizer: sgd
schedule: plateau
clip: 1.0
loss: losses.py:own
"""
LOSS = """
from torch.nn import functional as F

def own(outputs, classes, windows):
    logits, features = outputs
    assert windows.shape[1:] == (5, 8, 8)
    return F.cross_entropy(logits, classes) + features.square().mean()
"""


def test_published_settings_in_a_recipe_on_two_devices(
    field: Field, code: Path, tmp_path: Path
) -> None:
    (code.parent / "losses.py").write_text(LOSS)
    (code.parent / "published.yaml").write_text(RECIPE)
    out = tmp_path / "run"
    order = ("train", "scene", field.scene, field.labels, "--out", out, "-q")
    spectile(*order, "--recipe", code.parent / "published.yaml", "--devices", "2")
    said = yaml.safe_load((out / "config.yaml").read_text())["recipe"]
    assert said["network"] == f"{code}:Mine"
    assert said["loss"] == f"{code.parent}/losses.py:own"
    codes = (out / "code.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in codes[1:]] == [said["network"], said["loss"]]
