"""Reading and reducing a scene of 200 bands, and starting commands; prints tables in Markdown.

    python benchmarks/reading.py [--edge 1024] [--pairs 3] [--quick]

The same int16 scene in files of several orders and compressions: this project's way from the file
to 30 components, in the tiles that maps are made of, against rasterio alone reading the same pixels
into an array; "reduced" is what the product with the components adds. Then commands from start to
end on small files, and of that what imports take.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader
from rasterio.windows import Window

from contest import take_turns
from mapping_scene import BANDS, model_for
from spectile.data.datasets.simulated import simulate
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene

TILE = 256
FILES: dict[str, dict[str, str | int | bool]] = {
    "ENVI, bsq": {"driver": "ENVI", "interleave": "bsq"},
    "ENVI, bil": {"driver": "ENVI", "interleave": "bil"},
    "ENVI, bip": {"driver": "ENVI", "interleave": "bip"},
    "GeoTIFF, pixels together, lines": {"driver": "GTiff", "interleave": "pixel"},
    "GeoTIFF, bands apart, tiles": {"driver": "GTiff", "interleave": "band", "tiled": True},
    "GeoTIFF, pixels together, tiles, deflate": {
        **{"driver": "GTiff", "interleave": "pixel", "tiled": True},
        **{"compress": "deflate", "predictor": 2},
    },
    "GeoTIFF, bands apart, tiles, zstd": {
        **{"driver": "GTiff", "interleave": "band", "tiled": True},
        **{"compress": "zstd", "predictor": 2},
    },
}


def tiles(edge: int) -> list[Window]:
    steps = range(0, edge, TILE)
    return [
        Window(left, top, min(TILE, edge - left), min(TILE, edge - top))
        for top in steps
        for left in steps
    ]


def written(path: Path, pixels: NDArray[np.int16], form: dict[str, str | int | bool]) -> Path:
    bands, height, width = pixels.shape
    size = {"count": bands, "height": height, "width": width, "dtype": "int16"}
    with rasterio.open(path, "w", **form, **size) as file:
        file.write(pixels)
    return path


def reading(folder: Path, edge: int, pairs: int) -> None:
    pixels = np.round(simulate(edge, edge, BANDS, 6, seed=0)[0] * 10_000).astype(np.int16)
    for number, (name, form) in enumerate(FILES.items()):
        ending = "img" if form["driver"] == "ENVI" else "tif"
        path = written(folder / f"scene{number}.{ending}", pixels, form)
        scene = open_scene(path)
        preprocessing = model_for(scene).for_scene(scene)
        ours = {
            "read": partial(_read, scene),
            "read and reduced": partial(_reduced, scene, preprocessing),
        }
        with rasterio.open(path) as file:
            alone = partial(_read_alone, file)
            for what, run in ours.items():
                take_turns(f"{name}: {what}", run, "rasterio, read", alone, pairs=pairs)
        path.unlink()


def _read_alone(file: DatasetReader) -> None:
    for window in tiles(file.height):
        file.read(window=window)


def _read(scene: Scene) -> None:
    for window in tiles(scene.height):
        scene.read(window, tuple(range(BANDS)))


def _reduced(scene: Scene, preprocessing: Preprocessing) -> None:
    for window in tiles(scene.height):
        preprocessing.read(scene, window, 0)


def starting(folder: Path, pairs: int) -> None:
    scene = open_scene(written_small(folder))
    model_for(scene).save(folder / "model.safetensors")
    commands = {
        "--help": ["--help"],
        "models": ["models"],
        "info SCENE": ["info", "small.tif"],
        "map MODEL SCENE, 64 x 64": ["map", "model.safetensors", "small.tif", "map.tif"],
    }
    print("\n| command | seconds, start to end | of which imports |\n|---|---|---|")
    for name, words in commands.items():
        runs = sorted(_seconds(folder, words) for _ in range(pairs))
        print(f"| {name} | {runs[len(runs) // 2]:.2f} | {_imports(folder, words):.2f} |")


def written_small(folder: Path) -> Path:
    pixels = np.round(simulate(64, 64, BANDS, 6, seed=0)[0] * 10_000).astype(np.int16)
    return written(folder / "small.tif", pixels, {"driver": "GTiff", "interleave": "pixel"})


def _spectile(folder: Path, words: list[str], *python: str) -> subprocess.CompletedProcess[str]:
    (folder / "map.tif").unlink(missing_ok=True)
    command = [sys.executable, *python, "-m", "spectile", *words]
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True)


def _seconds(folder: Path, words: list[str]) -> float:
    start = time.perf_counter()
    done = _spectile(folder, words)
    if done.returncode:
        raise SystemExit(f"spectile {' '.join(words)}: {done.stderr}")
    return time.perf_counter() - start


def _imports(folder: Path, words: list[str]) -> float:
    """Seconds in imports, without what measuring them adds to each."""
    said = _spectile(folder, words, "-X", "importtime").stderr
    return sum(int(own) for own in re.findall(r"import time: +(\d+) \|", said)) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=1024)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="256 pixels a side, once")
    arguments = parser.parse_args()
    edge, pairs = (TILE, 1) if arguments.quick else (arguments.edge, arguments.pairs)
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    print("| file | against | ratio (of each pair) |\n|---|---|---|", flush=True)
    # Else the second to read has the file in GDAL's memory.
    with rasterio.Env(GDAL_CACHEMAX=64_000_000), tempfile.TemporaryDirectory() as folder:
        reading(Path(folder), edge, pairs)
        starting(Path(folder), pairs)


if __name__ == "__main__":
    main()
