"""A scene of 8000 x 8000 pixels with 20,000 objects, mapped to a GeoPackage.

    python benchmarks/mapping_instances.py [--scene scene.tif] [--model run/model.safetensors]
        [--kill] [--out results.json] [--quick]

Draws the scene (three bands, a minute; ellipses of 14 to 40 pixels, and forty of 200 that mostly no
window shows whole) unless --scene names one made before, and maps it in a process of its own:
count, seconds and peak memory. Without a --model bright connected pixels are the objects, exact to
the pixel, so that all there is to see is what mapping makes of them. A part of 2000 x 2000 pixels
is mapped in windows and in one piece, and both counts compared. With --kill the map is killed half
way, resumed, and both files compared.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import multiprocessing
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window
from scipy import ndimage
from torch import Tensor, nn

import spectile
from spectile.api.model import Model
from spectile.data.labels.legend import make_legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import Reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.mapping.compute import Compute
from spectile.mapping.instances.object_map import map_objects, object_batches
from spectile.model.trained_task import InstanceTask
from spectile.networks.instances.detections import Detections

SIZE, OBJECTS, LARGE, CROP = 8000, 20_000, 40, 256
CELL, BLOCK = 55, 4
"""Pixels of a square with one object, and how many squares a side a large one takes."""
PART = 2000


def write_scene(path: Path, size: int, objects: int, large: int) -> None:
    """Draw ellipses that don't touch, brighter than the noise around them."""
    rng = np.random.default_rng(0)
    cells = size // CELL
    free = np.ones((cells, cells), np.bool_)
    numbers = np.zeros((size, size), np.bool_)
    blocks = cells // BLOCK
    for block in rng.choice(blocks * blocks, large, replace=False):
        row, column = (int(part) * BLOCK for part in divmod(block, blocks))
        free[row : row + BLOCK, column : column + BLOCK] = False
        draw(numbers, row * CELL, column * CELL, BLOCK * CELL, (80, 105), rng)
    for place in rng.choice(np.flatnonzero(free), objects - large, replace=False):
        row, column = divmod(int(place), cells)
        draw(numbers, row * CELL, column * CELL, CELL, (7, 20), rng)
    grid = from_origin(4e5, 5.8e6, 1, 1)
    profile: dict[str, Any] = {"crs": "EPSG:32633", "transform": grid, "tiled": True}
    with rasterio.open(
        *(path, "w", "GTiff", size, size),
        **{"count": 3, "dtype": "uint8", "compress": "deflate", **profile},
    ) as raster:
        for band in range(1, 4):
            for top in range(0, size, 500):
                rows = numbers[top : top + 500]
                noise = rng.normal(80, 12, rows.shape) + rows * (60 + 20 * band)
                raster.write(
                    noise.clip(1, 255).astype(np.uint8),
                    band,
                    window=Window(0, top, size, len(rows)),
                )


def draw(
    onto: NDArray[np.bool_],
    top: int,
    left: int,
    side: int,
    radii: tuple[int, int],
    rng: np.random.Generator,
) -> None:
    """A turned ellipse somewhere in a square, a pixel and more away from its sides."""
    a, b = rng.uniform(*radii, 2)
    far = max(a, b) + 2
    y, x = rng.uniform(far, side - far, 2)
    angle = rng.uniform(0, np.pi)
    down, across = np.mgrid[:side, :side] + 0.5
    down, across = down - y, across - x
    along = across * np.cos(angle) + down * np.sin(angle)
    beside = down * np.cos(angle) - across * np.sin(angle)
    onto[top : top + side, left : left + side] |= (along / a) ** 2 + (beside / b) ** 2 <= 1


class BrightObjects(nn.Module):
    """Connected bright pixels, as masks with two cells a pixel."""

    most = 10**9

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(125.0))

    def detect(self, images: Tensor) -> list[Detections]:
        return [self._detect(image.mean(0).numpy() > float(self.threshold)) for image in images]

    def _detect(self, bright: NDArray[np.bool_]) -> Detections:
        labels, count = ndimage.label(bright)
        places = ndimage.find_objects(labels)
        cells = 2 + 2 * max((max(p.stop - p.start for p in place) for place in places), default=0)
        masks = np.empty((count, cells, cells), np.float32)
        boxes = []
        for number, (rows, columns) in enumerate(places, start=1):
            own = labels[rows, columns] == number
            down, across = (((np.arange(cells) + 0.5) / cells * s).astype(int) for s in own.shape)
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
            masks[number - 1] = np.where(own[np.ix_(down, across)], 4, -4)
        return Detections(
            torch.tensor(boxes, dtype=torch.float32).reshape(count, 4),
            torch.full((count,), 0.9),
            torch.zeros(count, dtype=torch.int64),
            torch.from_numpy(masks),
        )


def stub() -> Model:
    """Finds bright pixels in windows of CROP."""
    bands = Preprocessing((0, 1, 2), Reducer("none", np.zeros(3), np.eye(3)), "reflect")
    return Model(
        name="bright-objects",
        options={},
        network=BrightObjects(),
        trained_for=InstanceTask(CROP),
        preprocessing=bands,
        legend=make_legend([1]),
        scene_bands=3,
        wavelengths=None,
    )


def model_of(path: Path | None) -> Model:
    return stub() if path is None else spectile.load(path)


def map_here(
    model: Path | None, scene: Path, out: Path, resume: bool, told: Any, workers: int
) -> None:
    """Map in this process, and tell the count, the seconds and the peak."""
    torch.set_num_threads(1)
    cluster = None
    if workers > 1:
        from spectile.mapping.cluster import Cluster

        cluster = Cluster(workers=workers)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    done = map_objects(
        model_of(model), open_scene(scene), out, resume=resume, memory=1.0, cluster=cluster
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    told.put(
        {
            "objects": done.objects,
            "seconds": round(done.seconds, 1),
            "gigabytes": round(peak, 3),
            "gigabytes_of_the_program": round(before, 3),
        }
    )


def mapped(*arguments: Any, kill_after: float | None = None, workers: int = 1) -> dict[str, Any]:
    """The same in a process of its own, which may be killed."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=map_here, args=(*arguments, told, workers))
    process.start()
    process.join(kill_after)
    if process.is_alive():
        process.kill()
        process.join()
        return {}
    result: dict[str, Any] = told.get(timeout=10)
    return result


def compared(model: Model, scene: Path, size: int) -> dict[str, int]:
    """How many objects are found in a part of the scene, in windows and in one piece."""
    corner = (min(PART, size) // 2) * (size > PART)
    with rasterio.open(scene) as raster:
        window = Window(corner, corner, min(PART, size), min(PART, size))
        part = scene_from_array(raster.read(window=window))
    whole = copy.deepcopy(model.network)
    whole.most = 10**5  # the bound of an image of a few dozen objects
    one = replace(model, network=whole, trained_for=replace(model.trained_for, crop=PART))

    def count(model: Model) -> int:
        compute = Compute("dense", "float32", 64.0, "cpu")
        return sum(len(found) for found, _ in object_batches(model, part, compute=compute))

    return {"in_windows": count(model), "in_one_piece": count(one)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scene", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="1000 x 1000 pixels, 200 objects")
    arguments = parser.parse_args()
    size, objects, large = (1000, 200, 3) if arguments.quick else (SIZE, OBJECTS, LARGE)
    with tempfile.TemporaryDirectory() as folder:
        scene = arguments.scene or Path(folder) / "scene.tif"
        if not scene.exists():
            start = time.perf_counter()
            write_scene(scene, size, objects, large)
            print(f"drawn in {time.perf_counter() - start:.0f} s", flush=True)
        out = Path(folder) / "map.gpkg"
        given = arguments.model, scene
        result = {"drawn": objects, **mapped(*given, out, False, workers=arguments.workers)}
        print(result, flush=True)
        result |= compared(model_of(arguments.model), scene, size)
        print(result, flush=True)
        if arguments.kill:
            again = Path(folder) / "again.gpkg"
            mapped(*given, again, False, kill_after=result["seconds"] / 2)
            assert not again.exists()
            result["seconds_after_kill"] = mapped(*given, again, True)["seconds"]
            hashes = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (out, again)}
            result["same_file_after_kill"] = len(hashes) == 1
    print(json.dumps(result, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
