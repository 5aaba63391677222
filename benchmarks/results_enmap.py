"""EnMAP tiles of Potsdam, 224 bands of 32 x 32 pixels, six classes: two networks and a baseline.

The given lists say which tiles are trained on and which are tested. hybridsn-se sees the tiles as
one scene in which unlabelled, empty rows as wide as a window keep them apart; DeepLabv3+ sees them
as images; the baseline is PCA and linear discriminant analysis of single pixels.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from baselines import classifier
from real_data import needed
from spectile.data.images import read_image
from spectile.runs.lifecycle import run as train
from spectile.scoring.metrics import confusion, score
from spectile.tasks.config import HardwareConfig
from spectile.tasks.entries.scene import SceneConfig, SplitConfig
from spectile.tasks.entries.segment import SegmentConfig
from spectile.tasks.images.segment import SegmentTask
from spectile.tasks.scene.task import SceneTask
from spectile.training.image_recipes import SEGMENT_RECIPES
from spectile.training.recipes import RECIPES, Recipe

SIDES = {"train": 1, "validation": 2, "test": 3}
WINDOW = 9
PLAIN = Recipe(window=WINDOW, components=15)
SCORES = ("overall_accuracy", "average_accuracy", "mean_iou")

Tile = tuple[str, Path, Path]
"""Side, image and labels."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=Path, default=Path("build/enmap"))
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--threads", type=int)
    arguments.add_argument("--out", type=Path, default=Path("build/results_enmap.json"))
    given = arguments.parse_args()
    tiles = listed(needed("enmap_potsdam"))
    given.runs.mkdir(parents=True, exist_ok=True)
    hardware = HardwareConfig(threads=given.threads)
    rows = {
        "PCA + LDA of pixels": baseline(tiles),
        "hybridsn-se": windows(tiles, given.runs, "hybridsn-se", PLAIN, given.repeats, hardware),
        "best": windows(tiles, given.runs, "best", RECIPES["best"], given.repeats, hardware),
        "DeepLabv3+": images(tiles, given.runs, given.repeats, hardware),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(rows, indent=2))
    for name, row in rows.items():
        print(f"{name:24}", {key: row[key] for key in SCORES if key in row}, row.get("std"))


def listed(folder: Path) -> list[Tile]:
    """All tiles with their sides."""
    tiles = []
    for side in SIDES:
        with (folder / f"{side}_files.csv").open(newline="") as file:
            tiles += [
                (side, folder / row["image"], folder / row["mask"]) for row in csv.DictReader(file)
            ]
    return tiles


def read(tile: Tile) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A tile's bands (224, 32, 32), NaN where missing, and its classes (32, 32)."""
    with rasterio.open(tile[2]) as labels:
        return read_image(tile[1]), labels.read(1).astype(np.uint8)


def baseline(tiles: list[Tile]) -> dict[str, Any]:
    """Single pixels of the training and validation tiles, scored on those of the test tiles."""
    sides: dict[bool, list[Any]] = {True: [], False: []}
    for tile in tiles:
        bands, classes = read(tile)
        sides[tile[0] == "test"].append((bands[:, classes > 0].T, classes[classes > 0]))
    (spectra, classes), (tested, truth) = (
        [np.concatenate(arrays) for arrays in zip(*sides[side], strict=True)]
        for side in (False, True)
    )
    held = np.isfinite(spectra).all(axis=0)
    method = classifier("lda", int(held.sum()))
    found = method.fit(spectra[:, held], classes).predict(tested[:, held])
    names = [str(number) for number in range(int(classes.max()) + 1)]
    return score(confusion(truth, found, len(names)), names).as_dict()


def windows(
    tiles: list[Tile],
    folder: Path,
    name: str,
    recipe: Recipe,
    repeats: int,
    hardware: HardwareConfig,
) -> dict[str, Any]:
    """A network of windows on the tiles, one above the other."""
    rows = [(side, *read((side, image, mask))) for side, image, mask in tiles]
    step = rows[0][1].shape[1] + WINDOW
    height, width = step * len(rows), rows[0][1].shape[2]
    bands = np.full((len(rows[0][1]), height, width), np.nan, np.float32)
    classes, sides = np.zeros((2, 1, height, width), np.uint8)
    for place, (side, image, labels) in enumerate(rows):
        inside = slice(place * step, place * step + len(labels))
        bands[:, inside], classes[0, inside] = image, labels
        sides[0, inside] = SIDES[side]
    for name, array in (("scene", bands), ("labels", classes), ("split", sides)):
        with rasterio.open(
            *(folder / f"{name}.tif", "w"),
            driver="GTiff",
            count=len(array),
            height=height,
            width=width,
            dtype=array.dtype,
            nodata=np.nan if name == "scene" else 0,
        ) as raster:
            raster.write(array)
    config = SceneConfig(
        scene=str(folder / "scene.tif"),
        labels=str(folder / "labels.tif"),
        recipe=recipe,
        split=SplitConfig(kind="file", files=(str(folder / "split.tif"),)),
        hardware=hardware,
        repeats=repeats,
    )
    run = folder / name
    return summary(train(SceneTask(), config, run, resume=True).metrics)


def images(
    tiles: list[Tile], folder: Path, repeats: int, hardware: HardwareConfig
) -> dict[str, Any]:
    """DeepLabv3+ on a narrow MobileNet V2, behind a PCA."""
    with (folder / "tiles.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "mask", "split"])
        table.writerows([image, mask, side] for side, image, mask in tiles)
    recipe = replace(
        SEGMENT_RECIPES["aerial"],
        options={
            "backbone": "mobilenet-v2",
            "backbone_width": 0.5,
            "output_stride": 8,
            "separable": True,
        },
        reducer="pca",
        components=15,
        scales=(1.0, 1.0),
        crop=32,
        batch=7,
        epochs=150,
    )
    config = SegmentConfig(
        images=str(folder / "tiles.csv"),
        ignore=(0,),
        recipe=recipe,
        hardware=hardware,
        repeats=repeats,
    )
    run = folder / "deeplab"
    return summary(train(SegmentTask(), config, run, resume=True).metrics)


def summary(metrics: Any) -> dict[str, Any]:
    """Means and deviations of the scores, and how far they can be trusted."""
    values = metrics.get("mean") or metrics
    return {
        **{key: values[key] for key in SCORES},
        "std": metrics.get("std"),
        "verdict": metrics["split"]["verdict"],
        "seconds": metrics["seconds"],
    }


if __name__ == "__main__":
    main()
