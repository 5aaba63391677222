"""Accuracy on Indian Pines under three protocols; each run is kept, and only missing ones are made.

    python benchmarks/results_indian_pines.py [--tables random-10,blocks-24] [--seeds 5] [--jobs 2]

random-10 and random-30 are the literature's: pixels drawn from each class, 25 x 25 windows, 30
components of the whole scene. blocks-24 and blocks-12 leave no overlap: 24 pixels, which 25 x 25
windows need, or 12 lie between training and test, and the reducer sees training pixels alone. Seeds
change split, start and order together. Runs lie in build/indian_pines; the tables are printed as
Markdown and written to build/results_indian_pines.md.

--quick makes every table from a small simulated scene instead, in a minute.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from baselines import Baseline, classifier
from spectile.data.datasets.simulated import simulate
from spectile.data.splits.splits import TEST, TRAIN
from spectile.runs.lifecycle import run as train
from spectile.runs.lifecycle import versions
from spectile.scoring.metrics import confusion, score
from spectile.scoring.records import write_metrics
from spectile.tasks.config import HardwareConfig, read_config
from spectile.tasks.entries.scene import SceneConfig, SplitConfig
from spectile.tasks.files import CONFIG, METRICS
from spectile.tasks.scene.material import open_material
from spectile.tasks.scene.splitting import make_split
from spectile.tasks.scene.task import SceneTask
from spectile.training.recipes import RECIPES, Recipe

SCORES = ("overall_accuracy", "average_accuracy", "kappa")

BASELINES: dict[Baseline, str] = {
    "svm": "SVM, RBF kernel, standardised bands of a pixel",
    "forest": "random forest, bands of a pixel",
    "lda": "PCA (30) and LDA, bands of a pixel",
}


@dataclass(frozen=True)
class Row:
    """One line of a table: a method with what it needs."""

    name: str
    method: Recipe | Baseline


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
    method: Recipe | Baseline

    @property
    def metrics(self) -> Path:
        """The file that is there when the run has ended."""
        return self.folder / METRICS


# Adam at 1e-3 throughout, batches of 256, no flips, on regions: the steps of windows.
PAPER = replace(RECIPES["paper"], regions=True)
BEST = RECIPES["best"]
DEFAULT = "best, the default recipe"
# Mixup needs windows; a step takes as many as it does without a batch on a scene of this size.
MIXED: dict[str, Any] = {"mixup": 0.4, "regions": False, "batch": 1024}
# Half as many windows as a hundred epochs of a random tenth, for four times the pixels.
LEAK_FREE_EPOCHS = 13


def tables() -> dict[str, Table]:
    """All tables by name."""
    baselines = tuple(Row(title, name) for name, title in BASELINES.items())
    random = partial(SplitConfig, kind="random", validation=0.0)
    blocks = partial(SplitConfig, kind="blocks", train=0.5, validation=0.0)
    wide = Recipe(window=25, components=30, epochs=160, optimizer="muon", **MIXED)
    joined = replace(wide, reducer="correlation-pca", whitening=0.5, spectral_branch=0.2)
    plain = replace(PAPER, epochs=LEAK_FREE_EPOCHS)
    return {
        "random-10": Table(
            "A random tenth, with overlap",
            random(train=0.1),
            "scene",
            (
                Row("hybridsn, as published", replace(PAPER, network="hybridsn")),
                Row("hybridsn-se, as published", PAPER),
                Row("hybridsn-se, Muon, turns and mixup", wide),
                Row("the same, half whitened, with a spectral branch", joined),
                *baselines,
            ),
        ),
        "random-30": Table(
            "A random 30%, with overlap",
            random(train=0.3),
            "scene",
            (Row("hybridsn-se, Muon, turns and mixup, spectral branch", joined),),
        ),
        "blocks-24": Table(
            "Blocks with a guard of 24 pixels, no overlap",
            blocks(guard=24),
            "train",
            (
                Row("hybridsn, 25 x 25, as published", replace(plain, network="hybridsn")),
                Row(DEFAULT, BEST),
                Row("best, no spectral branch", replace(BEST, spectral_branch=0.0)),
                *baselines,
            ),
        ),
        "blocks-12": Table(
            "Blocks with a guard of 12 pixels, no overlap",
            blocks(guard=12),
            "train",
            (
                *(
                    Row(f"{name}, 13 x 13, as published", replace(plain, network=name, window=13))
                    for name in ("hybridsn", "hybridsn-se", "hybridsn-2d", "hybridsn-3d")
                ),
                Row(DEFAULT, BEST),
                *(Row(f"best, {change}", replace(BEST, **other)) for change, other in TRIED),
                *baselines,
            ),
        ),
    }


TRIED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no spectral branch", {"spectral_branch": 0.0}),
    ("no spectral shift", {"spectral_augmentation": 0.0}),
    ("whitened", {"whitening": 1.0}),
    ("30 components", {"components": 30}),
    ("mixup 0.4", MIXED),
    ("no class weights", {"class_weights": False}),
    ("label smoothing 0.1", {"label_smoothing": 0.1}),
    ("13 x 13", {"window": 13}),
    ("Adam", {"optimizer": "adamw"}),
    ("hybridsn-se", {"network": "hybridsn-se"}),
    ("channel attention (se)", {"attention": "se"}),
    ("mixed attention, channels and pixels (scse)", {"attention": "scse"}),
)
"""Changes of the best recipe, one at a time."""


def jobs_of(
    name: str, table: Table, seeds: int, runs: Path, scene: dict[str, Any]
) -> Iterator[tuple[Row, list[Job]]]:
    """The rows of a table with their runs."""
    for row in table.rows:
        recipe = row.method if isinstance(row.method, Recipe) else Recipe(window=25)
        jobs = []
        for seed in range(seeds):
            config = SceneConfig(
                **scene,
                fit_on=table.fit_on,
                recipe=recipe,
                split=table.split,
                hardware=HardwareConfig(precision="bf16-mixed", threads=1),
                seed=seed,
            )
            folder = runs / name / slug(row.name) / f"seed-{seed}"
            jobs.append(Job(folder, config, row.method))
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
    if isinstance(job.method, Recipe):
        train(SceneTask(), job.config, job.folder, resume=True, quiet=True)
    else:
        job.folder.mkdir(parents=True, exist_ok=True)
        write_metrics(job.metrics, classical(job.config, job.method))
    print(f"{job.folder}  {time.perf_counter() - started:.0f} s", flush=True)


def classical(config: SceneConfig, baseline: Baseline) -> dict[str, Any]:
    """A classifier of single pixels on the same training pixels, scored on the same test pixels."""
    scene, labels = open_material(config)
    split = make_split(scene, labels, config)
    spectra = scene.read()
    started = time.perf_counter()

    def side(code: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        rows, columns = np.nonzero(split.assignment == code)
        return spectra[:, rows, columns].T, labels.classes[rows, columns].astype(np.int64) - 1

    (trained, classes), (tested, truth) = side(TRAIN), side(TEST)
    found = classifier(baseline, scene.bands, config.seed).fit(trained, classes).predict(tested)
    return {
        **score(confusion(truth, found, len(labels.legend)), labels.legend.names).as_dict(),
        "split": split.summary(),
        "seconds": {"fit": time.perf_counter() - started},
    }


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
    chosen = tables()
    if given.tables:
        chosen = {name: chosen[name] for name in given.tables.split(",")}
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
    return f"## {table.title}\n\n{verdict(rows[0][1])}\n\n{head}\n{lines}\n\n{made}\n"


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


def shortened(table: Table) -> Table:
    """The same rows in small windows, two passes and with a narrow guard."""
    rows = (
        replace(row, method=replace(row.method, window=9, components=8, epochs=2))
        if isinstance(row.method, Recipe)
        else row
        for row in table.rows
    )
    split = table.split.model_copy(update={"guard": 8} if table.split.guard else {})
    return replace(table, split=split, rows=tuple(rows))


if __name__ == "__main__":
    main()
