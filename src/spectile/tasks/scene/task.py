"""The task of `spectile train scene`: from one scene and its labels to model, map and scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Labels
from spectile.data.preprocessing.guide import reach_of
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.layers.registry import asked_for
from spectile.mapping.scene_map import tile_edge
from spectile.model.build import NetworkSource
from spectile.progress import Progress
from spectile.reports.scene_report import RunRecord, write_report
from spectile.tasks.base import CheckFiles, Task
from spectile.tasks.checks import check_settings
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.files import MAP, SPLIT
from spectile.tasks.scene.material import open_material
from spectile.tasks.scene.network import (
    check_network,
    own_network,
    tried,
)
from spectile.tasks.scene.preparation import prepare, usable
from spectile.tasks.scene.repeat import PreparedScene
from spectile.tasks.scene.splitting import make_split
from spectile.training.dependent_settings import refuse_misplaced
from spectile.training.own_loss import Loss, own_loss
from spectile.training.recipes import Recipe
from spectile.training.regions.fit_regions import refuse_mixup


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
        around = reach_of(recipe.smooth)
        tile_edge(scene, recipe.window, config.map.memory, around=around)
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
