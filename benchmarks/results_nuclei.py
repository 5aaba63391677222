"""BlendMask on microscopy images of nuclei, beside what a practitioner does without a network.

    python benchmarks/results_nuclei.py [--seeds 3] [--epochs 30] [--runs build/nuclei] [--show]
                                        [--rows blend,se,sum,one,threshold]

200 images of 256 x 256 pixels (BBBC038, CC0), 120 to train on, 30 to choose the epoch by, 50 to
test on. From scratch, default recipe; with squeeze-and-excitation in the backbone; with the plain
sum of bases as YOLACT has it, and with one basis. The practitioner thresholds each image by Otsu's
method and parts what touches midway between the tops of its distance transform. Finished runs are
kept, and a stopped call goes on. Prints a table in Markdown; skips where the images aren't there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from real_data import needed
from spectile.data.instances.coco import open_coco
from spectile.data.instances.objects import Objects
from spectile.scoring.instances import score_instances

ROWS: dict[str, tuple[str, list[str]]] = {
    "blend": ("BlendMask, ResNet-18", []),
    "se": ("the same on SE-ResNet-18", ["--backbone", "se-resnet-18"]),
    "sum": ("plain sum of bases, as YOLACT", ["--option", "assembly=sum"]),
    "one": ("one basis", ["--option", "bases=1"]),
}
THRESHOLD = "threshold"
SMALLEST = 20
"""Pixels; what is smaller is noise."""
APART = 5
"""Pixels between the seeds of two nuclei that touch."""
SHOWN = ("mask_ap", "mask_ap50", "mask_ap75", "box_ap")


def trained(folder: Path, data: Path, row: str, seed: int, epochs: int) -> None:
    """One run, by the command that a user types."""
    if (folder / "metrics.json").exists():
        return
    sides = ("--coco", "train.json", "--coco-validation", "val.json", "--coco-test", "test.json")
    files = [str(data / word) if word.endswith("json") else word for word in sides]
    settings = ["--epochs", str(epochs), "--seed", str(seed), "--quiet", "--resume"]
    command = [sys.executable, "-m", "spectile", "train", "instances", *files, *ROWS[row][1]]
    subprocess.run([*command, *settings, "--out", str(folder)], check=True)


def thresholded(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """A number for each nucleus in an image (bands, H, W)."""
    grey = image[:3].astype(np.float64).mean(axis=0)
    cut = otsu(grey)
    bright = grey > cut
    if bright.mean() > 0.5:  # dark nuclei on a bright ground
        bright = ~bright
    bright = ndimage.binary_fill_holes(ndimage.binary_opening(bright, iterations=1))
    inside = ndimage.distance_transform_edt(bright)
    smooth = ndimage.gaussian_filter(inside, 1.0)
    tops = (smooth == ndimage.maximum_filter(smooth, 2 * APART + 1)) & bright
    seeds, _ = ndimage.label(tops, np.ones((3, 3)))
    places = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    numbers = np.where(bright, seeds[tuple(places)], 0).astype(np.int64)
    sizes = np.bincount(numbers.ravel())
    numbers[sizes[numbers] < SMALLEST] = 0
    return numbers


def otsu(grey: NDArray[np.float64]) -> float:
    """The threshold that leaves the least variance on both of its sides (Otsu 1979)."""
    counts, edges = np.histogram(grey, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(middles[np.nanargmax(between)])


def practitioner(data: Path) -> dict[str, Any]:
    """Scores of the threshold on the test images; all objects are equally sure."""
    test = open_coco(data / "train.json", validation=data / "val.json", test=data / "test.json")
    truth, found = [], []
    for place in test.select(3):
        objects = Objects.of_numbers(thresholded(test.images.read(int(place))))
        truth.append(test.objects[int(place)])
        found.append((objects, np.ones(len(objects))))
    return score_instances(truth, found, test.legend.names, sure=0.5).as_dict()


def line(title: str, runs: list[dict[str, Any]]) -> str:
    def cell(values: list[float]) -> str:
        spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
        return f"{100 * fmean(values):.1f}{spread}"

    scores = " | ".join(cell([run[name] for run in runs]) for name in SHOWN)
    error, bias = (
        fmean(run["counts"][name] for run in runs) for name in ("mean_error", "mean_bias")
    )
    seconds = [run["seconds"]["fit"] for run in runs if run.get("seconds")]
    fit = f"{fmean(seconds):.0f}" if seconds else ""
    return f"| {title} | {scores} | {error:.2f} | {bias:+.2f} | {len(runs)} | {fit} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rows", default=",".join([*ROWS, THRESHOLD]))
    parser.add_argument("--runs", type=Path, default=Path("build/nuclei"))
    parser.add_argument("--show", action="store_true", help="make no runs")
    given = parser.parse_args()
    data = needed("nuclei")
    rows = given.rows.split(",")
    for seed in range(given.seeds):
        for row in rows:
            if row in ROWS and not given.show:
                trained(given.runs / row / f"seed-{seed}", data, row, seed, given.epochs)
    print(
        "| method | mask AP | AP50 | AP75 | box AP | off by, an image | too many or few | seeds "
        "| seconds of a fit |\n|---|---|---|---|---|---|---|---|---|"
    )
    for row in rows:
        if row == THRESHOLD:
            print(line("Otsu's threshold, parted between tops of distance", [practitioner(data)]))
            continue
        kept = sorted((given.runs / row).glob("seed-*/metrics.json"))
        if kept:
            print(line(ROWS[row][0], [json.loads(path.read_text()) for path in kept]))


if __name__ == "__main__":
    main()
