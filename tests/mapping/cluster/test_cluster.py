"""Mapping on a real Dask scheduler with real worker processes, some of which die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import write_tif
from tests.mapping.small_model import BANDS, WINDOW, cube, small_model
from torch import nn

from spectile.data.mask import open_mask
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.cluster import Cluster
from spectile.mapping.cluster import scheduler as cluster_module
from spectile.mapping.output.unfinished import part_folder
from spectile.mapping.scene_map import map_scene
from spectile.named_code import load_named

HEIGHT, WIDTH = 90, 120


@dataclass
class Dask:
    """A scheduler and its workers, each a process of its own."""

    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    address: str = ""

    def start(self, *arguments: object, ready: str) -> subprocess.Popen[str]:
        """Start a command of Dask and wait until it says `ready`."""
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if ready in line:
                self.address = self.address or line.split()[-1]
                return process
        raise AssertionError(f"dask {arguments} ended")

    def start_worker(self) -> subprocess.Popen[str]:
        options = ("--no-nanny", "--nthreads", 1, "--no-dashboard", "--local-directory", "workers")
        return self.start("worker", self.address, *options, ready="Registered to")


@pytest.fixture
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    dask = Dask(tmp_path_factory.mktemp("dask"))
    options = ("--no-dashboard", "--host", "127.0.0.1", "--port", 0)
    dask.start("scheduler", *options, ready="Scheduler at:")
    yield dask
    for process in dask.processes:
        process.kill()
        process.communicate()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr("spectile.mapping.tiles.EDGES", (16,))
    monkeypatch.chdir(tmp_path)  # the workers are in another folder
    np.save("scene.npy", cube(HEIGHT, WIDTH).transpose(1, 2, 0))
    Path("plain").mkdir()
    scene = open_scene("scene.npy")
    map_scene(small_model(), scene, "plain/map.tif", probabilities=True, entropy=True)
    return scene


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("map*")}


def map_on(dask: Dask, scene: Scene, **options: Any) -> None:
    """Map to map.tif in the working directory."""
    map_scene(
        small_model(),
        scene,
        "map.tif",
        probabilities=True,
        entropy=True,
        cluster=Cluster(dask.address),
        **options,
    )


def test_a_killed_worker_costs_only_its_tasks(dask: Dask, scene: Scene) -> None:
    workers = [dask.start_worker(), dask.start_worker()]

    def kill_one(done: int, total: int) -> None:
        if 0.2 * total < done < 0.5 * total:
            workers[0].send_signal(signal.SIGKILL)

    map_on(dask, scene, progress=kill_one)
    assert workers[0].wait(10) == -signal.SIGKILL
    assert workers[1].poll() is None
    assert contents(Path()) == contents(Path("plain"))
    assert not part_folder(Path("map.tif")).exists()


@pytest.mark.parametrize("vanishing", ["scheduler", "worker"])
def test_when_nobody_is_left_what_is_mapped_stays(
    dask: Dask, scene: Scene, monkeypatch: pytest.MonkeyPatch, vanishing: str
) -> None:
    monkeypatch.setattr(cluster_module, "PATIENCE", 2)
    worker = dask.start_worker()

    def kill(done: int, total: int) -> None:
        if done > 0.3 * total:
            (worker if vanishing == "worker" else dask.processes[0]).kill()

    with pytest.raises(InputError, match=r"scheduler .* answer .* is kept for resume=True"):
        map_on(dask, scene, progress=kill)
    assert not Path("map.tif").exists()
    assert (part_folder(Path("map.tif")) / "journal").read_text().count("\n") > 5
    map_scene(*(small_model(), scene, "map.tif"), probabilities=True, entropy=True, resume=True)
    assert contents(Path()) == contents(Path("plain"))


def test_what_a_worker_finds_wrong_is_one_sentence(
    dask: Dask, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "PATIENCE", 1)
    with pytest.raises(InputError, match="scheduler has no workers: start some"):
        map_on(dask, scene)
    dask.start_worker()
    with monkeypatch.context() as other:
        other.setattr(cluster_module, "program_versions", lambda: {"spectile": "9", "torch": "3"})
        with pytest.raises(
            InputError, match=r"has spectile .*, this process spectile 9, torch 3: install"
        ):
            map_on(dask, scene)
    with monkeypatch.context() as other:
        other.setattr(
            "spectile.mapping.cluster.worker.scene_identity",
            lambda scene: {"files": {"/data/scene.npy": [1, 2]}},
        )
        with pytest.raises(InputError, match=r"worker on .* doesn't see /data/scene\.npy"):
            map_on(dask, scene)
    spoiled = write_tif(Path("spoiled.tif"), cube(HEIGHT, WIDTH), compress="deflate")
    content = spoiled.read_bytes()
    spoiled.write_bytes(content[:3000] + b"\xff" * 20_000 + content[23_000:])
    with pytest.raises(InputError, match=r"spoiled\.tif can't be read in rows .*keep_going=True"):
        map_on(dask, open_scene(spoiled))
    # Code that this machine has and the worker's hasn't.
    Path("mynets.py").write_text("from torch import nn\n\n\nclass Mine(nn.Sequential): ...\n")
    mine = load_named("mynets.py:Mine")
    layers = nn.Conv2d(3, 2, WINDOW), nn.Flatten()
    model = replace(small_model(), name="Mine", options={}, network=mine(*layers))
    Path("mynets.py").unlink()
    with pytest.raises(InputError, match=r"worker on .* can't load the network's code .*mynets"):
        map_scene(model, scene, "map.tif", cluster=Cluster(dask.address))
    assert not Path("map.tif").exists()


def test_workers_of_this_machine_map_under_a_mask(scene: Scene) -> None:
    wanted = np.zeros((HEIGHT, WIDTH), np.uint8)
    wanted[20:50, 5:35] = 1
    np.save("mask.npy", wanted)
    mask = open_mask("mask.npy", like=scene)
    map_scene(small_model(), scene, "plain/map.tif", mask=mask, overwrite=True)
    map_scene(small_model(), scene, "map.tif", mask=mask, cluster=Cluster(workers=2))
    assert contents(Path()) == contents(Path("plain"))


def test_arrays_in_memory_stay_here(tmp_path: Path) -> None:
    scene = scene_from_array(np.zeros((BANDS, 20, 20), np.float32), source="cube")
    with pytest.raises(InputError, match="cube is an array in this process"):
        map_scene(small_model(), scene, tmp_path / "map.tif", cluster=Cluster())
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'spectile\[cluster\]'"):
        map_scene(small_model(), scene, "map.tif", cluster=Cluster(workers=2))
    assert not part_folder(tmp_path / "map.tif").exists()
