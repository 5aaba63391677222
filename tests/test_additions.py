"""Another package adds a network, an attention block, a format, a task and an output.

`tests/additions/guests` is installed beside the package, which knows nothing of it; what
docs/architecture.md says under "Adding something" is what it does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from safetensors import safe_open

from spectile.data.datasets.simulated import simulate

GUESTS = Path(__file__).parent / "additions" / "guests"
ENTRY_POINTS = """
[spectile.networks]
net = guests.network
[spectile.blocks]
gate = guests.attention
[spectile.readers]
cube = guests.format:FORMAT
[spectile.layers]
lead = guests.layer:LAYER
[spectile.tasks]
spectra = guests.spectra:ENTRY
[spectile.model_tasks]
spectra = guests.spectra_task:SpectrumTask
"""
WINDOWS = "--window 9 --components 4 --split random --train 0.1 --epochs 2 --no-regions --quiet"
SCENE = "scene.cube labels.npy"
COMMANDS = {
    "counted": "models guest-net",
    "help": "train --help",
    "options": "train spectra --help",
    "net": f"train scene {SCENE} --network guest-net --attention guest-gate --out net {WINDOWS}",
    "gated": f"train scene {SCENE} --network hybridsn-2d --attention guest-gate --out gated "
    f"{WINDOWS}",
    "map": "map net/model.safetensors scene.cube map.tif --layers lead --quiet",
    "spectra": f"train spectra {SCENE} --out spectra --recipe long --repeats 2 --quiet",
    "again": f"train spectra {SCENE} --out spectra --recipe long --repeats 2 --resume --quiet",
    "other": f"train spectra {SCENE} --out spectra --steps 3 --overwrite --quiet",
    "unmapped": "map spectra/model.safetensors scene.cube other.tif --quiet",
    "mistyped": f"train spectra {SCENE} --out wrong --steps 0",
}
"""All in one process, for PyTorch takes its time; what each prints, with its exit code."""
RUN_ALL = """
import contextlib, io, json, sys
from spectile.cli import main
said = {}
for name, words in json.load(sys.stdin).items():
    sys.argv = ["spectile", *words.split()]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
    said[name] = (code or 0, out.getvalue())
from spectile import networks
said["names"] = (0, networks.names())
json.dump(said, open("said.json", "w"))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder where all was run, and what was said."""
    site, folder = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("work")
    shutil.copytree(GUESTS, site / "guests", ignore=shutil.ignore_patterns("__pycache__"))
    about = site / "guests-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: guests\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    pixels, classes = simulate(30, 32, 6, 3, seed=3)
    with (folder / "scene.cube").open("wb") as file:
        file.write(b"cube\n")
        np.save(file, pixels.astype(np.float32))
    np.save(folder / "labels.npy", classes.astype(np.uint8))
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_ALL],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        input=json.dumps(COMMANDS),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads((folder / "said.json").read_text())


Said = tuple[Path, dict[str, Any]]


def test_every_command_ends_as_it_should(said: Said) -> None:
    codes = {name: said[1][name][0] for name in COMMANDS}
    wrong = {"unmapped": 2, "mistyped": 2}
    assert codes == {name: wrong.get(name, 0) for name in COMMANDS}, said[1]


def test_a_network_is_listed_trained_and_mapped(said: Said) -> None:
    folder, words = said
    assert "guest-net" in words["names"][1]
    assert "\nguest-net " in words["counted"][1]
    metrics = json.loads((folder / "net" / "metrics.json").read_text())
    assert metrics["network"] == "guest-net"
    assert metrics["map_method"] == "dense"
    with rasterio.open(folder / "map.tif") as raster:
        assert raster.read(1).all()


@pytest.mark.parametrize("run", ["net", "gated"])
def test_an_attention_block_stands_in_networks_of_both(said: Said, run: str) -> None:
    with safe_open(said[0] / run / "model.safetensors", "numpy") as file:
        (gate,) = (file.get_tensor(key) for key in file.keys() if key.endswith("attention.gate"))  # noqa: SIM118
    assert np.abs(gate).max() > 0  # trained


def test_an_output_lies_beside_the_map(said: Said) -> None:
    with rasterio.open(said[0] / "map_lead.tif") as raster:
        lead = raster.read(1)
    assert lead.min() >= 0
    assert 0 < lead.max() <= 1


def test_a_task_has_a_command_with_its_settings(said: Said) -> None:
    _, words = said
    assert "spectra Train on spectra of a scene." in " ".join(words["help"][1].split())
    assert "--steps N      Steps, each on all spectra. [5; long: 50]" in words["options"][1]
    assert "--recipe NAME  Settings to start from: short, long" in words["options"][1]
    assert words["mistyped"][1].startswith("spectile: --steps is 0, and it should be")


def test_a_task_has_the_life_of_all_runs(said: Said) -> None:
    folder, words = said
    assert "guest-net, halves split," in words["spectra"][1]
    assert "hit rate" in words["spectra"][1]
    assert " ± " in words["spectra"][1]
    assert "By the pixel." in words["spectra"][1]
    assert "the run is finished already" in words["again"][1]
    # Its own files were among what may be written over.
    assert not (folder / "spectra" / "repeat-2").exists()
    assert len((folder / "spectra" / "history.csv").read_text().splitlines()) == 4
    assert "a model for the task spectra maps no scenes" in words["unmapped"][1]


def test_without_the_package_a_model_file_says_what_is_missing(said: Said) -> None:
    from spectile.errors import InputError
    from spectile.model.file import load

    with pytest.raises(InputError, match="'spectra', which is unknown here: install the package"):
        load(said[0] / "spectra" / "model.safetensors")
