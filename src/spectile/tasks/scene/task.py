"""The task of `spectile train scene`: from one scene and its labels to model, map and scores."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.labels.counts import labels_in
from spectile.data.labels.labels import Labels
from spectile.data.quicklook import quicklook
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError
from spectile.mapping.layers.registry import asked_for
from spectile.mapping.output.map_files import remove_map
from spectile.mapping.output.split_raster import SPLIT_LEGEND, write_split
from spectile.mapping.scene_map import MapSummary, map_scene, tile_edge
from spectile.mapping.styles.picture import write_picture
from spectile.model.build import NetworkSource
from spectile.model.model import Model
from spectile.model.trained_task import WindowTask
from spectile.networks.own.source import name_of
from spectile.networks.windows.region_training import why_not_on_regions
from spectile.progress import Progress
from spectile.reports.scene_report import RunRecord, write_report
from spectile.reports.wording import notes_on_loss
from spectile.tasks.base import CheckFiles, Finished, Prepared, Task, Work
from spectile.tasks.checks import check_settings
from spectile.tasks.code_files import check_code, write_code
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.evaluation import scene_place, split_hash
from spectile.tasks.files import CHECKPOINTS, MAP, PICTURE, PIXELS, SPLIT
from spectile.tasks.hardware import best_device, hardware_of
from spectile.tasks.scene.material import open_material
from spectile.tasks.scene.network import (
    built,
    check_network,
    network_options,
    own_network,
    tried,
)
from spectile.tasks.scene.preparation import Preparation, prepare, usable
from spectile.tasks.scene.splitting import make_split
from spectile.tasks.scores import map_scores, read_map
from spectile.tasks.tables import table_in, write_table
from spectile.training.dependent_settings import refuse_misplaced
from spectile.training.fit import Fit
from spectile.training.learners.window_classifier import fit_windows
from spectile.training.own_loss import Loss, own_loss
from spectile.training.recipes import CROSS_ENTROPY, Recipe
from spectile.training.regions.fit_regions import fit_regions, refuse_mixup
from spectile.training.regions.labelled_windows import LabelledWindows

log = logging.getLogger(__name__)

LONGEST_SIDE = 1200
"""Of a picture in the report, in pixels."""
TITLES = {
    "blocks": "Blocks, apart from each other",
    "random": "Random pixels, as in the literature",
    "file": "Split from file",
}


@dataclass(frozen=True)
class Material:
    """A scene with the labels and bands that can be used of it."""

    scene: Scene
    labels: Labels
    bands: tuple[int, ...]
    notes: list[str]
    """On what was left out."""
    recipe: Recipe
    """With the components and the layout that the network takes."""


@dataclass(frozen=True)
class SceneTask(Task[SceneConfig, Material, RunRecord]):
    """Classes of a scene's pixels, each by the window around it.

    Scene, labels, sides and network come from memory where they are given, else from what the
    configuration names.
    """

    config = SceneConfig
    scene: Scene | None = None
    labels: Labels | None = None
    sides: NDArray[np.uint8] | None = None
    """Shape (H, W): 0 none, 1 train, 2 validation, 3 test."""
    network: NetworkSource | None = None
    """A network of one's own."""
    loss: Loss | None = None
    """A loss of one's own, where it isn't the one that the configuration names."""

    def check(self, config: SceneConfig) -> None:
        """Raise InputError for a network and other settings that no scene could make right."""
        check_settings(bands=config.bands, legend=config.legend)
        asked_for(config.map.layers)
        recipe = config.recipe
        refuse_misplaced(recipe)
        if recipe.regions:
            refuse_mixup(recipe)
        own_loss(recipe.loss, self.loss)
        check_network(recipe, self.network)

    def open(
        self, config: SceneConfig, check_files: CheckFiles, progress: Progress | None
    ) -> Material:
        scene, labels = self._opened(config)
        check_files(scene.files)
        recipe = config.recipe
        if recipe.window > min(scene.height, scene.width):
            raise InputError(
                f"--window {recipe.window} is larger than {scene.source} ({scene.height} x "
                f"{scene.width} pixels): choose a smaller one."
            )
        tile_edge(scene, recipe.window, config.map.memory)
        trial = tried(config, self.network, scene, max(1, len(labels.legend)), self.loss)
        labels, bands, notes = usable(scene, labels, config)
        return Material(scene, labels, bands, [*trial.notes, *notes], trial.recipe)

    def _opened(self, config: SceneConfig) -> tuple[Scene, Labels]:
        if self.scene is None or self.labels is None:
            return open_material(config)
        return self.scene, self.labels

    def prepare(self, material: Material, config: SceneConfig) -> PreparedScene:
        scene, labels = material.scene, material.labels
        config = config.model_copy(update={"recipe": material.recipe})
        split = make_split(scene, labels, config, self.sides)
        preparation = prepare(scene, labels, material.bands, split, config, material.notes)
        own = own_network(config.recipe, self.network)
        return PreparedScene(scene, preparation, config, own, self.loss)

    def report(self, path: Path, record: RunRecord) -> None:
        write_report(path, [record], heading=record.heading)

    def outputs(self, config: SceneConfig) -> tuple[str, ...]:
        return SPLIT, MAP


@dataclass(frozen=True)
class Mapped:
    """The map of a scene, in the run's folder."""

    path: Path
    summary: MapSummary

    @property
    def seconds(self) -> Mapping[str, float]:
        return {"map": self.summary.seconds}


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
        torch.manual_seed(self.config.seed)
        bands = preprocessing.reducer.components
        network = built(recipe, self.network, bands=bands, classes=len(legend))
        outcome = self._fit_on(network)(
            recipe,
            classes=len(legend),
            seed=self.config.seed,
            checkpoints=work.folder / CHECKPOINTS,
            resume=work.resume,
            hardware=hardware_of(self.config.hardware),
            quiet=work.quiet,
        )
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
            provenance={
                "scene": scene_place(scene),
                "split_sha256": split_hash(self.preparation.split.assignment),
                "training_data_sha256": self.preparation.data_hash,
            },
        )
        return model, outcome

    def _fit_on(self, network: torch.nn.Module) -> Callable[..., Fit]:
        """What fits the network: on regions of the scene, or window by window."""
        preprocessing = self.preparation.preprocessing
        train, validation = (self.preparation.pixels(side) for side in (TRAIN, VALIDATION))
        if self.config.recipe.regions and why_not_on_regions(network) is None:
            return partial(fit_regions, network, self.scene, preprocessing, train, validation)
        window = self.config.recipe.window
        cuts, others = (
            LabelledWindows(self.scene, preprocessing, window, *side)
            for side in (train, validation)
        )
        return partial(fit_windows, network, cuts, others, loss=self.loss)

    def predict(self, model: Model, work: Work) -> Mapped:
        path, wanted = work.folder / MAP, self.config.map
        summary = map_scene(
            model,
            self.scene,
            path,
            method=wanted.method,
            memory=wanted.memory,
            layers=wanted.layers,
            probabilities=wanted.probabilities,
            entropy=wanted.entropy,
            device=best_device(self.config.hardware.accelerator),
            progress=work.progress,
        )
        write_picture(path, work.folder / PICTURE, model.legend)
        return Mapped(path, summary)

    def score(self, predicted: Mapped) -> dict[str, Any]:
        """The map is compared with the labels on test pixels alone."""
        labels = self.preparation.labels
        split = self.preparation.split.summary()
        if self.config.fit_on == "scene":
            split["notes"].append(
                f"The {self.config.recipe.reducer} reducer saw the test pixels (--fit-on scene)."
            )
        return {
            **map_scores(predicted.path, labels.legend, *self.preparation.pixels(TEST)),
            "split": split,
            **labels_in(labels.tally),
            "map_method": predicted.summary.method,
        }

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
            extra_notes=(
                *self.preparation.notes,
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
