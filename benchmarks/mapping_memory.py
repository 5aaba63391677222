"""Peak memory while a large scene on disk is mapped: 4000 x 4000 pixels, 200 bands, int16.

    python benchmarks/mapping_memory.py [--scene scene.img] [--parts 6] [--out results.json]

Simulates the scene (6.4 GB, some minutes) unless --scene names one made before, then maps its first
parts: memory doesn't grow after the first ones, so the rest of the run tells nothing new.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import tempfile
import time
from pathlib import Path

from mapping_scene import model_for, write_scene
from spectile.data.readers.open import open_scene
from spectile.mapping.scene_map import map_parts

SIZE = 4000


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(path: Path, parts: int) -> dict[str, object]:
    start = time.perf_counter()
    scene = open_scene(path)
    opened = time.perf_counter() - start
    model = model_for(scene)
    start, pixels, peaks = time.perf_counter(), 0, []
    for part in itertools.islice(map_parts(model, scene, memory=1.0), parts):
        pixels += part.classes.size
        peaks.append(peak_gigabytes())
    seconds = time.perf_counter() - start
    return {
        "seconds_to_open": opened,
        "parts": parts,
        "peak_gigabytes_after_each_part": peaks,
        "microseconds_a_pixel": seconds / pixels * 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scene", type=Path)
    parser.add_argument("--parts", type=int, default=6)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="512 x 512 pixels, two parts")
    arguments = parser.parse_args()
    size, parts = (512, 2) if arguments.quick else (SIZE, arguments.parts)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.scene or Path(folder) / "scene.img"
        if arguments.scene is None:
            write_scene(path, size)
        result = measure(path, parts)
    print(json.dumps(result, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
