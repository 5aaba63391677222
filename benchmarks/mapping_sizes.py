"""Whole maps of scenes of 10^4, 10^6 and 10^8 pixels: time a pixel, and memory; prints a table.

    python benchmarks/mapping_sizes.py [--edges 100 1000 10000] [--folder DIR] [--quick]

hybridsn with 9 x 9 windows on 4 components of 20 bands, int16 in an ENVI file, to the finished
GeoTIFF, each in a process of its own. A scene of 10,000 x 10,000 pixels takes 4 GB of disk and some
minutes to write; --folder keeps it for the next time. Beside the seconds of the clock stand those
of the processor, for a machine that is busy with other work, and the rate at which the disk gives
the file, read alone before the system has it in memory where that can be told to forget it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from spectile import networks
from spectile.api.model import Model
from spectile.data.datasets.simulated import simulate_file
from spectile.data.labels.legend import make_legend
from spectile.data.preprocessing.components import Preprocessing, read_spectra
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.mapping.scene_map import map_scene
from spectile.model.trained_task import WindowTask

BANDS, COMPONENTS, CLASSES, WINDOW = 20, 4, 6, 9
AT_ONCE = 1 << 24


def model_for(scene: Scene) -> Model:
    """hybridsn, untrained, on the scene's principal components."""
    bands, edge = tuple(range(scene.bands)), min(scene.height, scene.width)
    rows, columns = np.random.default_rng(0).integers(0, min(edge, 1000), (2, 1000))
    reducer = fit_reducer("pca", read_spectra(scene, rows, columns, bands), components=COMPONENTS)
    torch.manual_seed(0)
    return Model(
        name="hybridsn",
        options={"window": WINDOW},
        network=networks.create("hybridsn", bands=COMPONENTS, classes=CLASSES, window=WINDOW),
        trained_for=WindowTask(WINDOW),
        preprocessing=Preprocessing(bands, reducer, "reflect"),
        legend=make_legend(range(1, CLASSES + 1)),
        scene_bands=scene.bands,
        wavelengths=None,
    )


def disk_rate(path: Path) -> float:
    """Bytes a second of reading the file's first 2 GB from one end to the other."""
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start, size = time.perf_counter(), 0
        while size < 2 << 30 and (part := file.read(AT_ONCE)):
            size += len(part)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return size / (time.perf_counter() - start)


def mapped(path: Path, out: Path) -> tuple[float, float, float, float]:
    """Seconds of the clock and of the processor, peak memory before and after, in MB."""
    scene = open_scene(path)
    model = model_for(scene)
    before = _peak()
    wall, processor = time.perf_counter(), time.process_time()
    map_scene(model, scene, out, overwrite=True)
    return time.perf_counter() - wall, time.process_time() - processor, before, _peak()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edges", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="the two small ones alone")
    arguments = parser.parse_args()
    print(
        "| pixels | map | a pixel, clock | a pixel, processor | peak memory (before) "
        "| the disk gives | the map reads |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for edge in arguments.edges[: 2 if arguments.quick else None]:
            path = folder / f"scene-{edge}.img"
            if not path.exists():
                simulate_file(path, edge, edge, BANDS, CLASSES, seed=0)
            rate = disk_rate(path)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                wall, processor, before, after = pool.apply(mapped, (path, folder / "map.tif"))
            pixels = edge**2
            print(
                f"| {pixels:,} | {wall:.3g} s | {wall / pixels * 1e6:.3g} µs "
                f"| {processor / pixels * 1e6:.3g} µs | {after:.0f} MB ({before:.0f}) "
                f"| {rate / 1e6:,.0f} MB/s | {path.stat().st_size / wall / 1e6:,.0f} MB/s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
