"""A run on a small scene, with all that the viewer can show of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from spectile.data.datasets.simulated import simulate_file
from spectile.data.labels.labels import open_labels
from spectile.data.labels.legend import Legend
from spectile.data.readers.open import open_scene
from spectile.mapping.layers.registry import known_layers
from spectile.mapping.output.split_raster import write_split
from spectile.mapping.output.writer import MapWriter
from spectile.tasks.entries.scene import SceneConfig

HOSTILE = "<b>bold</b> $$x^2$$"
"""A name that would be HTML, or a formula that a browser fetches fonts for."""
HEIGHT, WIDTH, BANDS = 48, 60, 12


@dataclass(frozen=True)
class Trained:
    """Files of a run."""

    scene: Path
    labels: Path
    run: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("viewed")
    scene, labels = folder / "scene.img", folder / "labels.tif"
    classes = simulate_file(scene, HEIGHT, WIDTH, BANDS, 3, seed=3)
    place: dict[str, Any] = {
        "crs": CRS.from_epsg(32633),
        "transform": from_origin(4e5, 5.8e6, 30, 30),
    }
    with rasterio.open(scene, "r+") as raster:
        raster.crs, raster.transform = place["crs"], place["transform"]
    sparse = classes * (np.random.default_rng(0).random(classes.shape) < 0.4)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "nodata": 0, **place}
    with rasterio.open(labels, "w", height=HEIGHT, width=WIDTH, **profile) as raster:
        raster.write(sparse.astype(np.uint8), 1)
    labels.with_suffix(".csv").write_text(f"value,name\n1,{HOSTILE}\n2,maize\n3,beet\n")
    run = folder / "run"
    run.mkdir()
    SceneConfig(scene=str(scene), labels=str(labels)).write(run / "config.yaml")
    (run / "report.html").write_text("a report")
    write_map(run / "map.tif", classes, open_labels(labels, like=open_scene(scene)).legend)
    sides = np.where(sparse > 0, 1 + np.indices(classes.shape).sum(axis=0) % 3, 0).astype(np.uint8)
    write_split(run / "split.tif", sides, sparse > 0, **place)
    return Trained(scene, labels, run)


def write_map(path: Path, classes: np.ndarray, legend: Legend) -> None:
    """A map that is wrong here and there, with the layers that a network would give."""
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(3), classes.shape).transpose(2, 0, 1)
    values = probabilities.argmax(axis=0) + 1
    entropy = -(probabilities * np.log(probabilities)).sum(axis=0) / np.log(3)
    layers = {
        "classes": values.astype(np.uint8),
        "probabilities": probabilities.astype(np.float32),
        "entropy": entropy.astype(np.float32),
        "applicability": np.stack([entropy, entropy < 0.5]).astype(np.float32),
    }
    with MapWriter(
        path,
        height=HEIGHT,
        width=WIDTH,
        legend=legend,
        crs=CRS.from_epsg(32633),
        transform=from_origin(4e5, 5.8e6, 30, 30),
        layers=[known_layers()[name] for name in layers],
    ) as writer:
        writer.write(Window(0, 0, WIDTH, HEIGHT), layers)
