"""What smoothing adds to a map by hybridsn-se: 1024 x 1024 pixels, 60 bands, 16 classes.

    python benchmarks/mapping_smoothed.py [--size 1024] [--radius 3 6] [--threads 2]

All radii take turns in one process, from a scene in memory to classes. Seconds of the processor
tell more than those of the clock where something else runs.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch

from mapping_scene import model_for
from spectile.data.readers.in_memory import scene_from_array
from spectile.mapping.scene_map import map_parts

BANDS, CLASSES = 60, 16


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--radius", type=int, nargs="+", default=[3, 6])
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    pixels = np.random.default_rng(0).normal(0, 1, (BANDS, arguments.size, arguments.size))
    scene = scene_from_array(pixels.astype(np.float32))
    model = model_for(scene, CLASSES)
    print("radius, processor seconds, seconds, peak GB")
    for radius in (0, *arguments.radius, 0):
        clock, worked = time.perf_counter(), time.process_time()
        for _ in map_parts(model.smoothed(radius), scene):
            pass
        seconds = time.process_time() - worked, time.perf_counter() - clock
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(f"{radius}, {seconds[0]:.1f}, {seconds[1]:.1f}, {peak:.2f}", flush=True)


if __name__ == "__main__":
    main()
