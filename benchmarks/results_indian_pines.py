"""Accuracy on Indian Pines under three protocols; each run is kept, and only missing ones are made.

    python benchmarks/results_indian_pines.py [--tables random-10,blocks] [--seeds 5] [--jobs 2]

random-10 is the literature's: a tenth of the pixels of each class, components of the whole scene.
blocks leaves no overlap: no pixel that decides on a test pixel's class is in a training window, and
all methods are trained and tested on the same pixels. dase is the IEEE GRSS DASE split, whose test
pixels lie beside training pixels; it is left out where ../shared/data isn't there. Seeds change
split, start and order together. Runs lie in build/indian_pines; the tables are printed as Markdown
and written to build/results_indian_pines.md, with what test pixels score under other light.

--quick makes every table from a small simulated scene instead, in a minute.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any, Literal

import numpy as np
import rasterio

from real_data import DATA
from spectile.data.datasets.known import indian_pines
from spectile.data.datasets.simulated import simulate
from spectile.data.splits.splits import TEST, TRAIN
from spectile.runs.lifecycle import run as train
from spectile.runs.lifecycle import versions
from spectile.tasks.config import HardwareConfig, read_config
from spectile.tasks.entries.scene import SceneConfig, SplitConfig
from spectile.tasks.files import CONFIG, METRICS
from spectile.tasks.scene.task import SceneTask
from spectile.training.recipes import RECIPES, Recipe

SCORES = ("overall_accuracy", "average_accuracy", "kappa")


@dataclass(frozen=True)
class Row:
    """One line of a table: a method with what it needs."""

    name: str
    method: Recipe


@dataclass(frozen=True)
class Table:
    """Methods under one protocol."""

    title: str
    split: SplitConfig
    fit_on: Literal["train", "scene"]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Job:
    """One seed of one row."""

    folder: Path
    config: SceneConfig

    @property
    def metrics(self) -> Path:
        """The file that is there when the run has ended."""
        return self.folder / METRICS


# Adam at 1e-3 throughout, batches of 256, no flips, on regions: the steps of windows.
PAPER = replace(RECIPES["paper"], regions=True)
BEST = RECIPES["best"]
DEFAULT = "best, the default recipe"
GUARD = 14
"""Pixels that the honest window of best needs: half of its window, and of that with smoothing."""
MACHINE = RECIPES["svm"]
SPECTRA = (
    Row("SVM of single spectra", MACHINE),
    Row("the same, its map smoothed", replace(MACHINE, smooth=BEST.smooth)),
    Row("PCA (30) and LDA", RECIPES["lda"]),
)
# Mixup needs windows; a step takes as many as it does without a batch on a scene of this size.
MIXED: dict[str, Any] = {"mixup": 0.4, "regions": False, "batch": 1024}
TRIED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no smoothing", {"smooth": 0}),
    ("no self-training", {"self_training": 0}),
    ("light kept", {"light": "kept", "light_augmentation": 0.0}),
    ("not bent by light", {"light_augmentation": 0.0}),
    ("no spectral branch", {"spectral_branch": 0.0}),
)
"""Changes of the best recipe, one at a time."""


def tables(sides: Path | None) -> dict[str, Table]:
    """All tables by name; dase for the file of its `sides`."""
    random = SplitConfig(kind="random", train=0.1, validation=0.0)
    blocks = SplitConfig(kind="blocks", train=0.5, validation=0.0, guard=GUARD)
    wide = Recipe(window=25, components=30, epochs=160, optimizer="muon", **MIXED)
    joined = replace(wide, reducer="correlation-pca", whitening=0.5, spectral_branch=0.2)
    best = Row(DEFAULT, BEST)
    found = {
        "blocks": Table(
            f"Blocks with a guard of {GUARD} pixels, no overlap",
            blocks,
            "train",
            (
                best,
                *SPECTRA,
                *(Row(f"best, {change}", replace(BEST, **other)) for change, other in TRIED),
            ),
        ),
        "random-10": Table(
            "A random tenth, with overlap",
            random,
            "scene",
            (
                best,
                *SPECTRA,
                Row("hybridsn-se, as published", PAPER),
                Row("hybridsn-se, Muon, turns, mixup, spectral branch", joined),
                Row("the same, smoothed by 1", replace(joined, smooth=1)),
            ),
        ),
    }
    if sides is not None:
        split = SplitConfig(kind="file", files=(str(sides),), validation=0.0)
        title = "The DASE split, test pixels beside training pixels"
        found["dase"] = Table(title, split, "train", (best, *SPECTRA))
    return found


DASE_CLASSES = (0, 2, 3, 5, 6, 8, 10, 11, 12, 14, 1, 4, 7, 9, 13, 15, 16)
"""Of the usual ground truth, in the order of that split's own."""


def dase_sides() -> Path | None:
    """The split as a raster of sides: trained on where it agrees, tested on all else; or None."""
    given = DATA / "ground_truth" / "IndianPines_DASE_ts.tif"
    if not given.exists():
        print(f"dase is left out: there is no {given}")
        return None
    with warnings.catch_warnings(), rasterio.open(given) as raster:
        warnings.simplefilter("ignore")
        trained = np.asarray(DASE_CLASSES)[raster.read(1)]
    _, labels = indian_pines()
    sides = np.where(labels.classes > 0, TEST, 0).astype(np.uint8)
    sides[trained > 0] = 0
    sides[(trained > 0) & (trained == labels.classes)] = TRAIN
    path = Path("build/indian_pines_dase.npy")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, sides)
    return path


def jobs_of(
    name: str, table: Table, seeds: int, runs: Path, scene: dict[str, Any]
) -> Iterator[tuple[Row, list[Job]]]:
    """The rows of a table with their runs."""
    for row in table.rows:
        jobs = []
        for seed in range(seeds):
            config = SceneConfig(
                **scene,
                fit_on=table.fit_on,
                recipe=row.method,
                baselines="none",
                split=table.split,
                hardware=HardwareConfig(precision="bf16-mixed", threads=1),
                seed=seed,
            )
            folder = runs / name / slug(row.name) / f"seed-{seed}"
            jobs.append(Job(folder, config))
        yield row, jobs


def slug(name: str) -> str:
    """A row's name as that of a folder."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def check_settings(job: Job) -> None:
    """End with a sentence where a kept run was made with other settings than its row has now."""
    made = job.folder / CONFIG
    if made.exists() and read_config(made, SceneConfig) != job.config:
        raise SystemExit(f"{job.folder} was made with other settings: remove it and go on.")


def run(job: Job) -> None:
    """Make one run, or end one that was stopped."""
    started = time.perf_counter()
    train(SceneTask(), job.config, job.folder, resume=True, quiet=True)
    print(f"{job.folder}  {time.perf_counter() - started:.0f} s", flush=True)


def line(row: Row, jobs: list[Job], best: list[Job] | None) -> str:
    """A row of Markdown: means and deviations over the seeds that are there.

    With `best` also of the differences from the best recipe, seed by seed: splits differ by more.
    """
    runs = scored(jobs)
    if not runs:
        return f"| {row.name} | not run |"
    cells = [spread([run[key] for run in runs.values()]) for key in SCORES]
    if best is not None:
        others = scored(best)
        both = [] if row.name == DEFAULT else [seed for seed in runs if seed in others]
        for key in SCORES[:2]:
            differences = [runs[seed][key] - others[seed][key] for seed in both]
            cells.append(spread(differences, "+.1f") if both else "")
    seconds = median(run["seconds"]["fit"] for run in runs.values())
    return f"| {row.name} | {' | '.join(cells)} | {len(runs)} | {seconds:.0f} |"


def scored(jobs: list[Job]) -> dict[int, dict[str, Any]]:
    """The metrics of the runs that are there, by seed."""
    return {
        job.config.seed: json.loads(job.metrics.read_text()) for job in jobs if job.metrics.exists()
    }


def spread(values: list[float], number: str = ".2f") -> str:
    """Mean and deviation of shares, in percent."""
    percent = [100 * value for value in values]
    deviation = f" ± {stdev(percent):{number.removeprefix('+')}}" if len(values) > 1 else ""
    return f"{fmean(percent):{number}}{deviation}"


def verdict(jobs: list[Job]) -> str:
    """What the first run says of its split."""
    runs = scored(jobs[:1])
    return "".join(str(run["split"]["verdict"]) for run in runs.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", help="names with commas between; all where left out")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, a thread each")
    parser.add_argument("--runs", type=Path, default=Path("build/indian_pines"))
    parser.add_argument("--out", type=Path, default=Path("build/results_indian_pines.md"))
    parser.add_argument("--quick", action="store_true", help="a small simulated scene")
    parser.add_argument("--show", action="store_true", help="make no runs, show those there are")
    given = parser.parse_args()
    names = given.tables.split(",") if given.tables else ["blocks", "random-10", "dase"]
    # Only the real scene has that split, and not everybody its file.
    sides = dase_sides() if "dase" in names and not given.quick else None
    known = tables(sides)
    chosen = {name: known[name] for name in names if name != "dase" or sides is not None}
    scene: dict[str, Any] = {"scene": "indian-pines"}
    if given.quick:
        scene = simulated(given.runs)
        chosen = {name: shortened(table) for name, table in chosen.items()}
    rows = {
        name: list(jobs_of(name, table, given.seeds, given.runs, scene))
        for name, table in chosen.items()
    }
    wanted = [job for table in rows.values() for _, jobs in table for job in jobs]
    for job in wanted:
        check_settings(job)
    due = [] if given.show else [job for job in wanted if not job.metrics.exists()]
    print(f"runs to make: {len(due)}", flush=True)
    # Seed by seed, so that a stopped table has all of its rows.
    due.sort(key=lambda job: job.config.seed)
    if due:
        with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
            for _ in pool.imap_unordered(run, due):
                pass
    text = "\n".join(shown(chosen[name], table) for name, table in rows.items())
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text)
    print(text)


def shown(table: Table, rows: list[tuple[Row, list[Job]]]) -> str:
    """A table as Markdown."""
    best = next((jobs for row, jobs in rows if row.name == DEFAULT), None)
    paired = ("overall against best", "average against best") if best is not None else ()
    columns = ("method", "overall", "average", "kappa", *paired, "seeds", "seconds of a fit")
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"
    lines = "\n".join(line(row, jobs, best) for row, jobs in rows)
    made = ", ".join(f"{name} {number}" for name, number in versions().items())
    text = f"## {table.title}\n\n{verdict(rows[0][1])}\n\n{head}\n{lines}\n"
    return f"{text}\n{under_light(rows)}\n{made}\n"


LIGHTS: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("light x0.9, x1.1", "light", (0.9, 1.1)),
    ("tilt 2%", "tilt", (-0.02, 0.02)),
    ("tilt 5%", "tilt", (-0.05, 0.05)),
    ("bow 2%", "bow", (-0.02, 0.02)),
    ("bow 5%", "bow", (-0.05, 0.05)),
    ("noise x2", "noise", (2,)),
)
"""Columns of the second table: the worst of these sizes of a change."""


def under_light(rows: list[tuple[Row, list[Job]]]) -> str:
    """What the same test pixels score when the scene is changed, overall / average, over seeds."""
    head = f"| method | unchanged | {' | '.join(name for name, *_ in LIGHTS)} |\n"
    text = head + "|---" * (len(LIGHTS) + 2) + "|\n"
    for row, jobs in rows:
        found = [run["stress"] for run in scored(jobs).values() if run.get("stress")]
        if not found:
            continue
        cells = [means([run["unchanged"] for run in found])]
        for _, name, sizes in LIGHTS:
            worst = [
                min(
                    (c for c in run["changes"] if c["name"] == name and c["size"] in sizes),
                    key=lambda change: change[SCORES[0]],
                    default=None,
                )
                for run in found
            ]
            cells.append(means([one for one in worst if one is not None]))
        text += f"| {row.name} | {' | '.join(cells)} |\n"
    return text


def means(scores: list[dict[str, Any]]) -> str:
    """Overall and average accuracy in percent, each the mean of runs."""
    if not scores:
        return ""
    return " / ".join(f"{100 * fmean(one[key] for one in scores):.1f}" for key in SCORES[:2])


def simulated(folder: Path) -> dict[str, Any]:
    """A scene of 60 x 60 pixels and 30 bands with its labels, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels, classes = simulate(60, 60, 30, 4, seed=0)
    np.save(folder / "scene.npy", pixels)
    np.save(folder / "labels.npy", classes)
    return {
        "scene": str(folder / "scene.npy"),
        "labels": str(folder / "labels.npy"),
        "bands_last": False,
    }


SHORT: dict[str, Any] = {"window": 9, "components": 8, "epochs": 2, "self_training": 0}


def shortened(table: Table) -> Table:
    """Its first rows in small windows and two passes."""
    rows = (
        row
        if row.method.network in ("svm", "lda")
        else replace(row, method=replace(row.method, **SHORT))
        for row in table.rows[:3]
    )
    return replace(table, rows=tuple(rows))


if __name__ == "__main__":
    main()
