"""A run on a small scene, with all that the viewer can show of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import spectile
from spectile.data.datasets.simulated import simulate_file

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
    place = {"crs": "EPSG:32633", "transform": from_origin(4e5, 5.8e6, 30, 30)}
    with rasterio.open(scene, "r+") as raster:
        raster.crs, raster.transform = place["crs"], place["transform"]
    sparse = classes * (np.random.default_rng(0).random(classes.shape) < 0.4)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "nodata": 0, **place}
    with rasterio.open(labels, "w", height=HEIGHT, width=WIDTH, **profile) as raster:
        raster.write(sparse.astype(np.uint8), 1)
    labels.with_suffix(".csv").write_text(f"value,name\n1,{HOSTILE}\n2,maize\n3,beet\n")
    spectile.train(
        scene,
        labels,
        recipe="lda",
        split="random",
        layers="probabilities,entropy,applicability",
        baselines="none",
        stress=False,
        quiet=True,
        out=folder / "run",
    )
    return Trained(scene, labels, folder / "run")
