"""One run of `spectile train scene`: from scene and labels to model, map, scores and report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectile import networks
from spectile.errors import InputError
from spectile.learning.fit import Fit
from spectile.learning.shared_trunk import fit_shared
from spectile.learning.window_classifier import fit_windows
from spectile.learning.windows import LabelledWindows
from spectile.mapping.picture import write_picture
from spectile.mapping.scene_map import MapSummary, Progress, map_scene, tile_edge
from spectile.mapping.split_raster import SPLIT_LEGEND, write_split
from spectile.model import Model, load
from spectile.runs.config import SceneConfig, read_config
from spectile.runs.directory import (
    CHECKPOINTS,
    CONFIG,
    HISTORY,
    METRICS,
    MODEL,
    REPORT,
    check_free,
    check_same,
    make_directory,
    trust,
    versions,
)
from spectile.runs.evaluation import scene_place, split_hash
from spectile.runs.hardware import best_device, hardware_of, use_threads
from spectile.runs.material import open_material
from spectile.runs.preparation import Prepared, prepare, usable
from spectile.runs.report import record, write_run_report
from spectile.runs.scores import map_scores, read_map
from spectile.runs.splitting import make_split
from spectile.scenes.labels import Labels
from spectile.scenes.scene import Scene
from spectile.scenes.splits import TEST, TRAIN, VALIDATION
from spectile.scoring.metrics import summarise
from spectile.scoring.records import read_history, write_history, write_metrics
from spectile.scoring.report import RunRecord

MAP, PICTURE, SPLIT = "map.tif", "map.png", "split.tif"


def train_scene(
    config: SceneConfig,
    directory: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: Progress | None = None,
) -> RunRecord:
    """Fit, map, score and report; everything goes into the run `directory`.

    The inputs are checked before the directory is touched. A run killed at any moment goes on with
    `resume` and ends with the same numbers. Raises InputError for what the user has to mend.
    """
    directory = Path(directory)
    check_free(directory, overwrite=overwrite, resume=resume)
    if resume:
        check_same(config, read_config(directory / CONFIG, SceneConfig), directory)
    use_threads(config.hardware.threads)
    scene, labels = open_material(config)
    check_network(config, scene, labels)
    hardware_of(config.hardware).check()
    tile_edge(scene, config.recipe.window, config.map.memory)
    labels, bands, notes = usable(scene, labels, config)
    runs = []
    for repeat in range(config.repeats):
        once = config.model_copy(update={"seed": config.seed + repeat, "repeats": 1})
        split = make_split(scene, labels, once)
        prepared = prepare(scene, labels, bands, split, once, notes)
        if repeat == 0:
            make_directory(directory, config, overwrite=overwrite, resume=resume)
        folder = directory if repeat == 0 else directory / f"repeat-{repeat + 1}"
        folder.mkdir(exist_ok=True)
        runs.append(_run(scene, prepared, once, folder, resume, quiet, progress))
    first = runs[0]
    if config.repeats > 1:
        first = _summarised(runs, config, directory)
    write_run_report(directory / REPORT, [first], scene)
    return first


def check_network(config: SceneConfig, scene: Scene, labels: Labels) -> None:
    """Raise InputError for a network, window or component count that can't be used here."""
    recipe = config.recipe
    if recipe.window > min(scene.height, scene.width):
        raise InputError(
            f"--window {recipe.window} is larger than {scene.source} ({scene.height} x "
            f"{scene.width} pixels): choose a smaller one."
        )
    if recipe.reducer in ("pca", "mnf") and recipe.components > scene.bands:
        raise InputError(
            f"--components {recipe.components} is more than the {scene.bands} bands of "
            f"{scene.source}: choose {scene.bands} or less."
        )
    if "window" not in networks.describe(recipe.network).options:
        raise InputError(
            f"{recipe.network} takes whole images, not the windows of a scene: "
            "choose hybridsn or hybridsn-se."
        )
    with torch.device("meta"):
        networks.create(
            recipe.network, bands=1, classes=max(1, len(labels.legend)), window=recipe.window
        )


def _run(
    scene: Scene,
    prepared: Prepared,
    config: SceneConfig,
    folder: Path,
    resume: bool,
    quiet: bool,
    progress: Progress | None,
) -> RunRecord:
    """One repeat; what a killed run had finished is taken as it is."""
    if resume and (folder / SPLIT).exists():
        _check_split(folder / SPLIT, prepared)
    write_split(
        folder / SPLIT,
        prepared.split.assignment,
        crs=scene.crs,
        transform=scene.transform,
        overwrite=True,
    )
    if resume and (folder / MODEL).exists() and (folder / HISTORY).exists():
        model = load(folder / MODEL)
        history: Sequence[Mapping[str, Any]] = read_history(folder / HISTORY)
        seconds = float(model.provenance.get("fit_seconds", 0.0))
    else:
        model, outcome = _fit(scene, prepared, config, folder, resume, quiet)
        history, seconds = outcome.history, outcome.seconds
        write_history(folder / HISTORY, history)
        model.save(folder / MODEL)
    summary = map_scene(
        model,
        scene,
        folder / MAP,
        method=config.map.method,
        memory=config.map.memory,
        probabilities=config.map.probabilities,
        entropy=config.map.entropy,
        overwrite=True,
        device=best_device(config.hardware.accelerator),
        progress=progress,
    )
    write_picture(folder / MAP, folder / PICTURE, model.legend)
    metrics = metrics_of(folder / MAP, prepared, config, seconds, summary)
    # The finished model knows how far to trust it.
    replace(model, provenance={**model.provenance, **trust(metrics)}).save(folder / MODEL)
    write_metrics(folder / METRICS, metrics)
    notes = [*prepared.notes, *([summary.reason] if summary.reason else [])]
    return record(scene, prepared, config, metrics, history, folder / MAP, tuple(notes))


def _fit(
    scene: Scene,
    prepared: Prepared,
    config: SceneConfig,
    folder: Path,
    resume: bool,
    quiet: bool,
) -> tuple[Model, Fit]:
    recipe, legend = config.recipe, prepared.labels.legend
    preprocessing = prepared.preprocessing
    torch.manual_seed(config.seed)
    network = networks.create(
        recipe.network,
        bands=preprocessing.reducer.components,
        classes=len(legend),
        window=recipe.window,
    )
    train, validation = prepared.pixels(TRAIN), prepared.pixels(VALIDATION)
    fit: Callable[..., Fit]
    if recipe.shared:
        fit = partial(fit_shared, network, scene, preprocessing, train, validation)
    else:
        cuts, others = (
            LabelledWindows(scene, preprocessing, recipe.window, *side)
            for side in (train, validation)
        )
        fit = partial(fit_windows, network, cuts, others)
    outcome = fit(
        recipe,
        classes=len(legend),
        seed=config.seed,
        checkpoints=folder / CHECKPOINTS,
        resume=resume,
        hardware=hardware_of(config.hardware),
        quiet=quiet,
    )
    wavelengths = None
    if scene.wavelengths is not None:
        wavelengths = scene.wavelengths[list(preprocessing.bands)]
    model = Model(
        name=recipe.network,
        options={"window": recipe.window},
        network=network,
        window=recipe.window,
        preprocessing=preprocessing,
        legend=legend,
        scene_bands=scene.bands,
        wavelengths=wavelengths,
        provenance={
            "seed": config.seed,
            "scene": scene_place(scene),
            "split_sha256": split_hash(prepared.split.assignment),
            "fit_seconds": outcome.seconds,
            "best_epoch": outcome.best_epoch,
            "training_data_sha256": prepared.data_hash,
            "versions": versions(),
        },
    )
    return model, outcome


def metrics_of(
    map_path: Path,
    prepared: Prepared,
    config: SceneConfig,
    fit_seconds: float,
    summary: MapSummary,
) -> dict[str, Any]:
    """What metrics.json holds; the map is compared with the labels on test pixels alone."""
    start = time.perf_counter()
    rows, columns, truth = prepared.pixels(TEST)
    scores = map_scores(map_path, prepared.labels.legend, rows, columns, truth)
    split = prepared.split.summary()
    if config.fit_on == "scene":
        split["notes"].append(
            f"The {config.recipe.reducer} reducer saw the test pixels (--fit-on scene)."
        )
    return {
        **scores,
        "split": split,
        "seconds": {
            "fit": fit_seconds,
            "map": summary.seconds,
            "score": time.perf_counter() - start,
        },
        "map_method": summary.method,
        "network": config.recipe.network,
        "seed": config.seed,
        "versions": versions(),
    }


def _summarised(runs: list[RunRecord], config: SceneConfig, directory: Path) -> RunRecord:
    """The first run with the mean and standard deviation of all."""
    repeats = [dict(run.metrics) for run in runs]
    mean, std = summarise(repeats)
    metrics = {**repeats[0], "repeats": repeats, "mean": mean, "std": std}
    write_metrics(directory / METRICS, metrics)
    return replace(runs[0], metrics=metrics, config=config.as_dict())


def _check_split(path: Path, prepared: Prepared) -> None:
    """Raise InputError unless a resumed run would test the pixels that it didn't train on."""
    if not np.array_equal(read_map(path, SPLIT_LEGEND), prepared.split.assignment):
        raise InputError(
            f"{path} is no longer the split of this scene and these labels, which were changed "
            "since the run was started: start anew with --overwrite."
        )
