"""`spectile map`: any size, a part of it, through kills and damage."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.cli.conftest import spectile, write_tif
from tests.mapping.small_model import BANDS, assert_alike, small_model

HEIGHT, WIDTH = 150, 190
ONE_THREAD = ("--threads", "1")  # as each worker has: the bytes may depend on it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("map")
    pixels = np.random.default_rng(1).normal(0, 1, (BANDS, HEIGHT, WIDTH)).astype(np.float32)
    tiled = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    write_tif(folder / "scene.tif", pixels, **tiled)
    small_model().save(folder / "model.safetensors")
    inputs = (folder / "model.safetensors", folder / "scene.tif")
    spectile("map", *inputs, folder / "map.tif", *ONE_THREAD, "-q")
    return folder


def run(folder: Path, *options: object, scene: str = "scene.tif", code: int = 0) -> str:
    """Map to map.tif in the working directory."""
    inputs = (folder / "model.safetensors", folder / scene)
    return spectile(
        "map", *inputs, "map.tif", *ONE_THREAD, "--quiet", *map(str, options), code=code
    )


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def classes(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return file.read(1)


def test_a_region_and_bounds_cut_the_same_piece(folder: Path) -> None:
    run(folder, "--region", 20, 10, 40, 30)
    piece = classes(Path("map.tif"))
    assert_alike(piece, classes(folder / "map.tif")[10:40, 20:60])
    bounds = (4e5 + 600, 5.8e6 - 1200, 4e5 + 1800, 5.8e6 - 300)
    run(folder, "--bounds", *bounds, "--overwrite")
    np.testing.assert_array_equal(classes(Path("map.tif")), piece)


def test_a_mask_leaves_the_rest_without_data(folder: Path) -> None:
    mask = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    mask[:, 20:30, 100:] = 3
    write_tif(Path("mask.tif"), mask)
    run(folder, "--mask", "mask.tif")
    assert_alike(classes(Path("map.tif")), np.where(mask[0], classes(folder / "map.tif"), 0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--window", 0, 0, 191, 10), "doesn't lie inside"),
        (("--bounds", 1, 2, 3, 4), "don't meet"),
        (("--region", 0, 0, 9, 9, "--bounds", 1, 2, 3, 4), "give one of them"),
        (("--mask", "nowhere.gpkg"), "nowhere.gpkg isn't there"),
        (("--memory", 0.00001), "allow a memory of at least"),
        (("--workers", 2, "--scheduler", "tcp://127.0.0.1:1"), "leave out --workers"),
        (("--scheduler", "nonsense"), "no Dask scheduler answers at nonsense"),
    ],
)
def test_parts_that_cannot_be_mapped(folder: Path, options: tuple[object, ...], words: str) -> None:
    assert words in run(folder, *options, code=2)
    assert not list(Path.cwd().iterdir())


def test_workers_write_the_same_map(folder: Path) -> None:
    run(folder, "--workers", 2, "--entropy")
    assert Path("map.tif").read_bytes() == (folder / "map.tif").read_bytes()


def test_damage_is_told_a_line_a_block(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray((folder / "scene.tif").read_bytes())
    with rasterio.open(folder / "scene.tif") as file:
        start = int(file.get_tag_item("BLOCK_OFFSET_1_2", "TIFF", bidx=1))
    content[start + 9 : start + 2000] = b"\xff" * 1991
    (folder / "damaged.tif").write_bytes(content)
    message = run(folder, scene="damaged.tif", code=2)
    assert "damaged.tif can't be read in rows 1 to 150, columns 1 to 190" in message
    assert "--keep-going" in message
    done = subprocess.run(
        [
            *(sys.executable, "-m", "spectile", "map", folder / "model.safetensors"),
            *(folder / "damaged.tif", "map.tif", "--quiet", "--keep-going"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = done.stderr.splitlines()
    assert "damaged.tif can't be read in rows 129 to 150, columns 65 to 128 (" in line
    assert line.endswith("): left without data.")
    lost = classes(Path("map.tif")) == 0
    assert lost[124:, 60:132].all()
    assert lost.sum() == lost[124:, 60:132].size


def test_a_killed_map_goes_on(folder: Path) -> None:
    options = ("--memory", "0.002", "--method", "patches", "--probabilities", *ONE_THREAD)
    arguments = ("map", folder / "model.safetensors", folder / "scene.tif", "map.tif", *options)
    process = subprocess.Popen([sys.executable, "-m", "spectile", *arguments, "--quiet"])
    journal = Path(".map.tif.part/journal")
    while not (journal.exists() and journal.stat().st_size):
        assert process.poll() is None
        time.sleep(0.01)
    assert f"written by process {process.pid}:" in run(folder, code=2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not Path("map.tif").exists()
    assert "begun with" in run(folder, "--resume", code=2)
    run(folder, *options, "--resume")
    Path("whole").mkdir()
    inputs = (folder / "model.safetensors", folder / "scene.tif")
    spectile("map", *inputs, Path("whole/map.tif"), *options, "--quiet")
    for file in Path("whole").iterdir():
        assert file.read_bytes() == Path(file.name).read_bytes()
    assert not Path(".map.tif.part").exists()


def test_an_interrupted_map_says_how_to_go_on(folder: Path) -> None:
    options = ("--memory", "0.002", "--method", "patches")
    arguments = ("map", folder / "model.safetensors", folder / "scene.tif", "map.tif", *options)
    process = subprocess.Popen(
        [sys.executable, "-m", "spectile", *arguments, "--quiet"],
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = Path(".map.tif.part/journal")
    while not (journal.exists() and journal.stat().st_size):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "spectile: interrupted; a run goes on with --resume.\n"
    assert not Path(".map.tif.part/reserve").exists()
    run(folder, *options, "--resume")


MEMORY = r"""
    import re, sys
    from pathlib import Path
    from spectile.cli import main

    sys.argv = ["spectile", "map", *sys.argv[1:], "--memory", "0.15", "--quiet", "--overwrite"]
    try:
        main()
    except SystemExit as end:
        assert not end.code
    print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def peak(folder: Path, scene: Path) -> float:
    done = subprocess.run(
        [
            *(sys.executable, "-c", "\n".join(line[4:] for line in MEMORY.splitlines())),
            *(folder / "model.safetensors", scene, "map.tif"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1]) / 1e3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs its peak memory")
def test_memory_does_not_grow_with_the_scene(folder: Path) -> None:
    peaks = []
    for edge in (256, 1536):
        # Nearly all without data: it is read and written, but not computed.
        pixels = np.full((edge, edge, BANDS), np.nan, np.float32)
        pixels[:128, :128] = 1
        np.save(f"{edge}.npy", pixels)
        peaks.append(peak(folder, Path(f"{edge}.npy")))
    assert peaks[1] - peaks[0] < 25, "MB more for a scene of 57 MB"


def test_one_reflectance_one_map_and_a_warning_where_the_scale_is_lost(folder: Path) -> None:
    numbers = np.abs(np.random.default_rng(2).normal(1000, 300, (BANDS, 40, 50)).round())
    model = replace(small_model(), physical=True, medians=np.ones(4))
    model.save(Path("model.safetensors"))
    write_tif(Path("values.tif"), (numbers * 1e-3).astype(np.float32))
    write_tif(Path("numbers.tif"), numbers.astype(np.int16))
    write_tif(Path("lost.tif"), numbers.astype(np.int16))
    with rasterio.open("numbers.tif", "r+") as file:
        file.scales = (1e-3,) * BANDS
    command = (sys.executable, "-m", "spectile", "map", "model.safetensors")
    said = {}
    for name in ("values", "numbers", "lost"):
        done = subprocess.run(
            [*command, f"{name}.tif", f"{name}_map.tif", "-q"],
            capture_output=True,
            text=True,
            check=True,
        )
        said[name] = done.stderr
    np.testing.assert_array_equal(classes(Path("values_map.tif")), classes(Path("numbers_map.tif")))
    assert said["values"] == said["numbers"] == ""
    assert "lost.tif are about 1,000 times larger" in said["lost"]
    assert said["lost"].count("\n") == 1
