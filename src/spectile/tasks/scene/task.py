"""One run of `spectile train scene`: from scene and labels to model, map, scores and report."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from spectile import networks
from spectile.data.labels.counts import labels_in
from spectile.data.labels.labels import Labels
from spectile.data.preprocessing.reducers import REDUCING
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError
from spectile.mapping.output.map_files import remove_map
from spectile.mapping.output.split_raster import SPLIT_LEGEND, write_split
from spectile.mapping.scene_map import MapSummary, Progress, map_scene, tile_edge
from spectile.mapping.styles.picture import write_picture
from spectile.model.model import Model
from spectile.reports.scene_report import RunRecord
from spectile.reports.wording import notes_on_loss
from spectile.runs.config import SceneConfig
from spectile.runs.directory import check_inputs, claimed, trust, versions
from spectile.runs.hardware import best_device, check_memory, hardware_of
from spectile.runs.run_files import CHECKPOINTS, MAP, METRICS, MODEL, PICTURE, REPORT, SPLIT
from spectile.runs.settings import BANDS, build_without_data, check_settings
from spectile.runs.steps import check_machine, fitted_or_resumed, run_repeats
from spectile.scoring.records import write_metrics
from spectile.tasks.evaluation import scene_place, split_hash
from spectile.tasks.report import record, write_run_report
from spectile.tasks.scene.material import open_material
from spectile.tasks.scene.preparation import Prepared, prepare, usable
from spectile.tasks.scene.splitting import make_split
from spectile.tasks.scores import map_scores, read_map
from spectile.training.fit import Fit
from spectile.training.learners.window_classifier import fit_windows
from spectile.training.recipes import Recipe
from spectile.training.regions.shared_trunk import check_shares_trunk, fit_shared
from spectile.training.regions.windows import LabelledWindows

log = logging.getLogger(__name__)


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
    `resume` and ends with the same numbers; where there is none it begins. Raises InputError for
    what the user has to mend, and while another process writes a run there.
    """
    config, directory = config.placed(), Path(directory)
    with claimed(directory, config, overwrite=overwrite, resume=resume) as going_on:
        return _train(config, directory, going_on, quiet, progress)


def _train(
    config: SceneConfig, directory: Path, resume: bool, quiet: bool, progress: Progress | None
) -> RunRecord:
    check_machine(config)
    check_scene_settings(config)
    scene, labels = open_material(config)
    check_inputs(directory, scene.files)
    check_network(config, scene, labels)
    tile_edge(scene, config.recipe.window, config.map.memory)
    labels, bands, notes = usable(scene, labels, config)

    def made_ready(once: SceneConfig) -> Callable[[Path], RunRecord]:
        split = make_split(scene, labels, once)
        prepared = prepare(scene, labels, bands, split, once, notes)
        return lambda folder: _run(scene, prepared, once, folder, resume, quiet, progress)

    first = run_repeats(config, directory, made_ready, going_on=resume)
    write_run_report(directory / REPORT, [first], scene)
    return first


def check_scene_settings(config: SceneConfig) -> None:
    """Raise InputError for a network and other settings that no scene could make right."""
    check_settings(bands=config.bands, legend=config.legend)
    recipe = config.recipe
    options = networks.describe(recipe.network).options
    if "window" not in options:
        raise InputError(
            f"{recipe.network} takes whole images, not the windows of a scene: "
            "choose one called hybridsn."
        )
    if recipe.attention and "attention" not in options:
        raise InputError(
            f"{recipe.network} has no place for --attention: choose hybridsn, hybridsn-2d or "
            "hybridsn-3d."
        )
    # Fewer bands may be left than these, which check_network knows.
    bands = recipe.components if recipe.reducer in REDUCING else BANDS
    network = build_without_data(recipe.network, bands, network_options(recipe))
    if recipe.regions:
        check_shares_trunk(network)


def check_network(config: SceneConfig, scene: Scene, labels: Labels) -> None:
    """Raise InputError for a network or a window that this scene doesn't allow."""
    recipe = config.recipe
    if recipe.window > min(scene.height, scene.width):
        raise InputError(
            f"--window {recipe.window} is larger than {scene.source} ({scene.height} x "
            f"{scene.width} pixels): choose a smaller one."
        )
    reduced = recipe.reducer in REDUCING
    with torch.device("meta"):
        network = networks.create(
            recipe.network,
            bands=min(recipe.components, scene.bands) if reduced else scene.bands,
            classes=max(1, len(labels.legend)),
            **network_options(recipe),
        )
    check_memory(network)


def network_options(recipe: Recipe) -> dict[str, Any]:
    """The arguments of a recipe's network, besides bands and classes."""
    attention = {"attention": recipe.attention} if recipe.attention else {}
    branch = {"spectral_branch": recipe.spectral_branch} if recipe.spectral_branch else {}
    return {**recipe.options, "window": recipe.window, **attention, **branch}


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
    for path in (folder / SPLIT, folder / MAP):
        remove_map(path)
    write_split(
        folder / SPLIT,
        prepared.split.assignment,
        prepared.labels.classes > 0,
        crs=scene.crs,
        transform=scene.transform,
    )
    model, history, seconds = fitted_or_resumed(
        folder, resume, lambda: _fit(scene, prepared, config, folder, resume, quiet)
    )
    summary = map_scene(
        model,
        scene,
        folder / MAP,
        method=config.map.method,
        memory=config.map.memory,
        probabilities=config.map.probabilities,
        entropy=config.map.entropy,
        device=best_device(config.hardware.accelerator),
        progress=progress,
    )
    write_picture(folder / MAP, folder / PICTURE, model.legend)
    metrics = metrics_of(folder / MAP, prepared, config, seconds, summary)
    # The finished model knows how far to trust it.
    replace(model, provenance={**model.provenance, **trust(metrics)}).save(folder / MODEL)
    write_metrics(folder / METRICS, metrics)
    notes = [*prepared.notes, *([summary.reason] if summary.reason else [])]
    notes += notes_on_loss(history, guessing=math.log(len(model.legend)))
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
        **network_options(recipe),
    )
    train, validation = prepared.pixels(TRAIN), prepared.pixels(VALIDATION)
    fit: Callable[..., Fit]
    if recipe.regions:
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
        options=network_options(recipe),
        network=network,
        window=recipe.window,
        preprocessing=preprocessing,
        legend=legend,
        scene_bands=scene.bands,
        wavelengths=wavelengths,
        physical=True,
        medians=prepared.medians,
        provenance={
            "seed": config.seed,
            "scene": scene_place(scene),
            "split_sha256": split_hash(prepared.split.assignment),
            "fit_seconds": outcome.seconds,
            "best_epoch": outcome.best_epoch,
            "epochs": len(outcome.history),
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
        **labels_in(prepared.labels.tally),
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


def _check_split(path: Path, prepared: Prepared) -> None:
    """Raise InputError unless a resumed run would test the pixels that it didn't train on.

    A file that a kill has damaged says nothing.
    """
    try:
        before = read_map(path, SPLIT_LEGEND)
    except (CPLE_BaseError, RasterioError):
        log.warning("%s is damaged: it is written again.", path)
        return
    if not np.array_equal(before, prepared.split.assignment):
        raise InputError(
            f"{path} is no longer the split of this scene and these labels, which were changed "
            "since the run was started: start anew with --overwrite."
        )
