"""One repeat of a scene's run: fitted, mapped, scored, and shown in the report."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.labels.counts import labels_in
from spectile.data.labels.labels import Places
from spectile.data.quicklook import quicklook
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError
from spectile.mapping.compute import Compute
from spectile.mapping.output.map_files import remove_map
from spectile.mapping.output.split_raster import SPLIT_LEGEND, write_split
from spectile.mapping.scene_map import MapSummary, map_scene
from spectile.mapping.styles.picture import write_picture
from spectile.model.build import NetworkSource
from spectile.model.model import Model
from spectile.model.smoothing import Smoothing
from spectile.model.trained_task import WindowTask
from spectile.networks.own.source import name_of
from spectile.networks.windows.region_training import why_not_on_regions
from spectile.reports.scene_report import RunRecord
from spectile.reports.wording import notes_on_applicability, notes_on_loss
from spectile.scoring.squares import grid_of_labels, grid_of_split
from spectile.tasks.base import Finished, Prepared, Work
from spectile.tasks.calibration import Known, asked_about, calibrated, calibration_on
from spectile.tasks.code_files import check_code, write_code
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.evaluation import scene_place, split_hash
from spectile.tasks.files import CHECKPOINTS, MAP, PICTURE, PIXELS, SPLIT
from spectile.tasks.fit_hardware import hardware_of
from spectile.tasks.hardware import best_device
from spectile.tasks.map_scores import map_scores
from spectile.tasks.scene.applicability import remembering
from spectile.tasks.scene.baselines import baselines, chosen
from spectile.tasks.scene.inside_outside import applicability_in, sides_of_applicability
from spectile.tasks.scene.network import (
    built,
    network_options,
)
from spectile.tasks.scene.preparation import Preparation
from spectile.tasks.scene.self_training import both, self_labelled
from spectile.tasks.scene.spectra import spectra_of
from spectile.tasks.scene.stress import stress
from spectile.tasks.scores import mapped_at, read_map
from spectile.tasks.tables import table_in, write_table
from spectile.training.fit import Fit
from spectile.training.learners.window_classifier import fit_windows
from spectile.training.own_loss import Loss
from spectile.training.recipes import CROSS_ENTROPY
from spectile.training.regions.fit_regions import fit_regions
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.spectra.fit_at_once import fit_at_once, is_fitted_at_once

log = logging.getLogger(__name__)

LONGEST_SIDE = 1200
"""Of a picture in the report, in pixels."""
TITLES = {
    "blocks": "Blocks, apart from each other",
    "random": "Random pixels, as in the literature",
    "file": "Split from file",
}


@dataclass(frozen=True)
class Mapped:
    """The map of a scene, in the run's folder."""

    path: Path
    summary: MapSummary
    model: Model
    """That made it, as the run's file has it."""
    known: Known
    """What it says of test pixels."""
    applicability: NDArray[np.uint8] | None = None
    """Which pixels of a grid are like those trained on: see `inside_outside`."""
    stress: Mapping[str, Any] | None = None
    """Scores of changed scenes, where they are asked for."""
    stress_seconds: float = 0.0

    @property
    def seconds(self) -> Mapping[str, float]:
        stress = {} if self.stress is None else {"stress": self.stress_seconds}
        return {"map": self.summary.seconds, **stress}


@dataclass(frozen=True)
class PreparedScene(Prepared[Mapped, RunRecord]):
    """One repeat's split and preprocessing of a scene."""

    scene: Scene
    preparation: Preparation
    config: SceneConfig
    network: NetworkSource | None = None
    loss: Loss | None = None

    def check_resumed(self, work: Work) -> None:
        check_code(work.folder, self.config.recipe)
        if (work.folder / SPLIT).exists():
            _check_split(work.folder / SPLIT, self.preparation)
        before = table_in(work.folder / PIXELS)  # earlier versions have no such table
        if before is not None and before[-1][1:] != [self.preparation.data_hash]:
            raise InputError(
                f"the pixels of {self.scene.source} were changed since the run in {work.folder} "
                "was started: bring them back, or start anew with --overwrite."
            )

    def write_split(self, work: Work) -> None:
        path = work.folder / SPLIT
        for raster in (path, work.folder / MAP):
            remove_map(raster)
        row = (self.scene.source, self.preparation.data_hash)
        write_table(work.folder / PIXELS, ("scene", "training pixels"), [row])
        write_code(work.folder, self.config.recipe)
        write_split(
            path,
            self.preparation.split.assignment,
            self.preparation.labels.classes > 0,
            crs=self.scene.crs,
            transform=self.scene.transform,
        )

    def fit(self, work: Work) -> tuple[Model, Fit]:
        recipe, legend = self.config.recipe, self.preparation.labels.legend
        preprocessing = self.preparation.preprocessing
        network, outcome, self_named = self._fitted(work)
        scene = self.scene
        model = Model(
            name=name_of(recipe.network),
            options=network_options(recipe, self.network, network),
            network=network,
            own_network=self.network is not None,
            trained_for=WindowTask(recipe.window),
            preprocessing=preprocessing,
            legend=legend,
            scene_bands=scene.bands,
            wavelengths=scene.wavelengths_of(preprocessing.bands),
            physical=True,
            medians=self.preparation.medians,
            smoothing=Smoothing(self.preparation.guide, recipe.smooth),
            provenance={
                "scene": scene_place(scene),
                "split_sha256": split_hash(self.preparation.split.assignment),
                "training_data_sha256": self.preparation.data_hash,
                **({"self_labelled_pixels": self_named} if self_named else {}),
            },
        )
        validation, split = self.preparation.pixels(VALIDATION), self.preparation.split
        model = calibrated(model, scene, validation, split, self._compute, seed=self.config.seed)
        return remembering(model, scene, self.preparation, self.config.seed), outcome

    @property
    def _compute(self) -> Compute:
        """How the scene is mapped, and single pixels are asked about."""
        device = best_device(self.config.hardware.accelerator)
        return Compute(self.config.map.method, memory=self.config.map.memory, device=device)

    def _fitted(self, work: Work) -> tuple[torch.nn.Module, Fit, int]:
        """The network with the weights of its best epoch, or those that were found at once.

        And how many pixels it learnt from that the run labelled itself.
        """
        recipe, preprocessing = self.config.recipe, self.preparation.preprocessing
        classes, seed = len(self.preparation.labels.legend), self.config.seed
        if self.network is None and is_fitted_at_once(recipe.network):
            sides = (self.preparation.pixels(side) for side in (TRAIN, VALIDATION))
            found = fit_at_once(
                recipe.network, self.scene, preprocessing, *sides, classes=classes, seed=seed
            )
            return *found, 0
        start, train = time.perf_counter(), self.preparation.pixels(TRAIN)
        labelled = len(train[0])
        if recipe.self_training:
            named = self_labelled(self.scene, self.preparation, recipe, classes=classes, seed=seed)
            train = both(train, named)
        before = time.perf_counter() - start
        torch.manual_seed(seed)
        bands = preprocessing.reducer.components
        network = built(recipe, self.network, bands=bands, classes=classes)
        outcome = self._fit_on(network, train)(
            recipe,
            classes=classes,
            seed=seed,
            checkpoints=work.folder / CHECKPOINTS,
            resume=work.resume,
            hardware=hardware_of(self.config.hardware),
            quiet=work.quiet,
            light=self.preparation.light,
        )
        outcome = replace(outcome, seconds=outcome.seconds + before)
        return network, outcome, len(train[0]) - labelled

    def _fit_on(self, network: torch.nn.Module, train: Places) -> Callable[..., Fit]:
        """What fits the network: on regions of the scene, or window by window."""
        preprocessing = self.preparation.preprocessing
        validation = self.preparation.pixels(VALIDATION)
        if self.config.recipe.regions and why_not_on_regions(network) is None:
            return partial(fit_regions, network, self.scene, preprocessing, train, validation)
        window = self.config.recipe.window
        cuts, others = (
            LabelledWindows(self.scene, preprocessing, window, *side)
            for side in (train, validation)
        )
        return partial(fit_windows, network, cuts, others, loss=self.loss)

    def predict(self, model: Model, work: Work) -> Mapped:
        path, wanted, compute = work.folder / MAP, self.config.map, self._compute
        summary = map_scene(
            model,
            self.scene,
            path,
            method=compute.method,
            memory=compute.memory,
            layers=wanted.layers,
            probabilities=wanted.probabilities,
            entropy=wanted.entropy,
            device=compute.device,
            progress=work.progress,
        )
        write_picture(path, work.folder / PICTURE, model.legend)
        codes = sides_of_applicability(model, self.scene)
        test = self.preparation.pixels(TEST)
        known = asked_about(model, self.scene, test, compute, seed=self.config.seed)
        return self._stressed(Mapped(path, summary, model, known, codes))

    def _stressed(self, mapped: Mapped) -> Mapped:
        """The map, with what test pixels score when the scene is changed."""
        if not self.config.stress:
            return mapped
        start = time.perf_counter()
        test = self.preparation.pixels(TEST)
        found = stress(mapped.model, self.scene, *test, self._compute)
        return replace(mapped, stress=found, stress_seconds=time.perf_counter() - start)

    def score(self, predicted: Mapped) -> dict[str, Any]:
        """The map is compared with the labels on test pixels alone."""
        labels, test = self.preparation.labels, self.preparation.pixels(TEST)
        split = self.preparation.split.summary()
        window = split["honest_window"]
        grid = grid_of_split(split) or grid_of_labels(labels.classes, *test[:2], window=window)
        if self.config.fit_on == "scene":
            split["notes"].append(
                f"The {self.config.recipe.reducer} reducer saw the test pixels (--fit-on scene)."
            )
        if named := predicted.model.provenance.get("self_labelled_pixels"):
            split["notes"].append(
                f"The network learnt from {named:,} more pixels of the whole image, which the run "
                "labelled itself: it used the test pixels, but none of their labels."
            )
        mapped = mapped_at(predicted.path, labels.legend, *test[:2])
        return {
            **map_scores(predicted.path, mapped, self.scene, labels.legend, test, grid),
            **applicability_in(predicted.model, self.scene, predicted.applicability, mapped, *test),
            "calibration": calibration_on(predicted.model, predicted.known),
            "split": split,
            **labels_in(labels.tally),
            "map_method": predicted.summary.method,
            **({} if predicted.stress is None else {"stress": predicted.stress}),
            **self._baselines(predicted.model, mapped),
        }

    def _baselines(self, model: Model, mapped: NDArray[np.int32]) -> dict[str, Any]:
        """What classifiers of single spectra have on the same pixels."""
        wanted, seconds = self.config.baselines, model.provenance.get("fit_seconds")
        return baselines(
            self.scene,
            self.preparation,
            mapped,
            chosen(wanted, self.config.recipe.network),
            seconds=float(seconds or 0) if wanted == "auto" else None,
            seed=self.config.seed,
            threads=torch.get_num_threads(),
            smooth=self.config.recipe.smooth,
        )

    def record(self, predicted: Mapped, finished: Finished) -> RunRecord:
        scene, split = self.scene, self.preparation.split
        labels, reason = self.preparation.labels, predicted.summary.reason
        step = max(1, -(-max(scene.height, scene.width) // LONGEST_SIDE))
        by_itself = self.config.recipe.loss == CROSS_ENTROPY
        guessing = math.log(len(labels.legend)) if by_itself else None
        return RunRecord(
            heading=Path(scene.source).name,
            title=TITLES[split.kind],
            config=self.config.as_dict(),
            metrics=finished.metrics,
            history=finished.history,
            legend=labels.legend,
            quicklook=quicklook(scene, max_size=LONGEST_SIDE),
            labels=labels.classes[::step, ::step],
            split=split.assignment[::step, ::step],
            prediction=read_map(predicted.path, labels.legend, step),
            applicability=predicted.applicability,
            spectra=spectra_of(scene, self.preparation, predicted.model, predicted.known),
            extra_notes=(
                *self.preparation.notes,
                *notes_on_applicability(finished.metrics),
                *([f"It was mapped patch by patch: {reason}."] if reason else []),
                *notes_on_loss(finished.history, guessing=guessing),
            ),
        )


def _check_split(path: Path, preparation: Preparation) -> None:
    """Raise InputError unless a resumed run would test the pixels that it didn't train on.

    A file that a kill has damaged says nothing.
    """
    try:
        before = read_map(path, SPLIT_LEGEND)
    except GDAL_ERRORS:
        log.warning("%s is damaged: it is written again.", path)
        return
    if not np.array_equal(before, preparation.split.assignment):
        raise InputError(
            f"{path} is no longer the split of this scene and these labels, which were changed "
            "since the run was started: start anew with --overwrite."
        )
