"""Every network of the catalogue, exported and compared with itself in ONNX Runtime and OpenVINO.

    python benchmarks/export_parity.py --out build/export_parity.json [--only hybridsn]

Window networks with windows of 9 to 25 and 3 to 224 bands, as windows and as tiles; networks of
images and pixels of odd sizes; batches of 1 and 7; missing pixels in all. Networks that are there
already in the file are skipped, so a run that was stopped goes on. Largest difference of a
probability, as a share of the largest; it must stay below 1e-4.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectile import networks
from spectile.api.model import Model
from spectile.data.labels.legend import Category, Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.errors import InputError
from spectile.export.export import write
from spectile.export.graph import GraphOptions, ModelGraph
from spectile.export.metadata import metadata_of
from spectile.export.onnx_graph import to_onnx
from spectile.export.parity import difference
from spectile.export.runtimes import SESSIONS
from spectile.model.trained_task import ImageTask, PixelTask, WindowTask

CLASSES = 4
WINDOWS_AND_BANDS = ((9, 3), (9, 224), (13, 30), (17, 12), (25, 30))
SINGLE = ("svm", "lda")


def cases() -> Iterator[tuple[str, int, int, bool]]:
    """Network, bands, window (0: none), and whether it takes a tile."""
    for name in networks.names():
        takes = networks.describe(name).takes
        if takes != "windows":
            yield name, 3, 0, False
            continue
        shapes = ((1, 3), (1, 224)) if name in SINGLE else WINDOWS_AND_BANDS
        for window, bands in shapes:
            yield name, bands, window, False
            yield name, bands, window, True


def model_of(name: str, bands: int, window: int) -> Model:
    torch.manual_seed(0)
    spectra = np.random.default_rng(0).normal(100, 20, (400, bands))
    options: dict[str, Any] = {"window": window} if window else {}
    network = networks.create(name, bands=bands, classes=CLASSES, **options).eval()
    takes = networks.describe(name).takes
    task = {"windows": WindowTask(max(1, window)), "images": ImageTask(), "pixels": PixelTask(64)}
    _make_sure(network, bands, window or 48)
    return Model(
        name=name,
        options=options,
        network=network,
        trained_for=task[takes],
        preprocessing=Preprocessing(
            tuple(range(bands)), fit_reducer("standardise", spectra), "reflect"
        ),
        legend=Legend(tuple(Category(n + 1, f"class {n}", (n, 9, 90)) for n in range(CLASSES))),
        scene_bands=bands,
        wavelengths=None,
    )


@torch.no_grad()
def _make_sure(network: torch.nn.Module, bands: int, edge: int) -> None:
    """Scale the last layer, so that an untrained network's probabilities differ."""
    kinds = torch.nn.Linear | torch.nn.Conv2d
    last = [part for part in network.modules() if isinstance(part, kinds)][-1]
    spread = network(torch.randn(4, bands, edge, edge)).std().clamp(min=1e-6)
    last.weight /= spread


def scenes(model: Model, graph: ModelGraph) -> Iterator[np.ndarray]:
    """Batches of 1 and 7 where they are free, and odd sizes, with missing pixels."""
    draw = np.random.default_rng(1)
    for batch in (1, 7):
        count = batch if "batch" in graph.free else 1
        if graph.takes == "windows":
            height = width = graph.window
        elif graph.takes == "tile":
            height, width = graph.window + batch, graph.window + 6
        else:
            height, width = 32 + batch, 47
        x = draw.normal(100, 20, (count, model.scene_bands, height, width))
        if height > 3:
            x[0, 0, 1, 2], x[-1, -1, 2, 0] = np.nan, np.inf
        yield x.astype(np.float32)


def measured(name: str, bands: int, window: int, tile: bool) -> dict[str, Any]:
    model, options, start = model_of(name, bands, window), GraphOptions(dense=tile), time.time()
    graph = ModelGraph(model, options)
    document = to_onnx(graph, metadata_of(model, graph, options))
    found: dict[str, Any] = {"seconds": round(time.time() - start, 1)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        write(document, path, "onnx")
        for runtime in ("onnx", "openvino"):
            run = SESSIONS[runtime](path)
            found[runtime] = max(difference(model, graph, run, x) for x in scenes(model, graph))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("build/export_parity.json"))
    parser.add_argument("--only", default="", help="Networks whose names begin so.")
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows = json.loads(given.out.read_text()) if given.out.exists() else {}
    for name, bands, window, tile in cases():
        key = f"{name} bands={bands} window={window} {'tile' if tile else ''}".strip()
        if key in rows or not name.startswith(given.only):
            continue
        try:
            rows[key] = measured(name, bands, window, tile)
        except InputError as error:
            rows[key] = {"refused": str(error)}
        print(key, rows[key], flush=True)
        given.out.write_text(json.dumps(rows, indent=1))
    measured_rows = [row for row in rows.values() if "onnx" in row]
    for runtime in ("onnx", "openvino"):
        print(runtime, max(row[runtime] for row in measured_rows))


if __name__ == "__main__":
    main()
