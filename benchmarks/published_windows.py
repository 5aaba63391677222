"""Scores of test windows alone, for networks that share no work between windows.

The numbers are those of the map: a pixel of it is what the network says of the window around it. A
whole map of such a network takes minutes; one a split is made and timed, this is for the rest.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import rasterio
import torch
from rasterio.errors import NotGeoreferencedWarning

from spectile.data.splits.splits import TEST
from spectile.mapping.compute import Compute
from spectile.mapping.scene_map import MapSummary
from spectile.mapping.styles.picture import write_picture
from spectile.model.model import Model
from spectile.runs.lifecycle import run
from spectile.tasks.base import Work
from spectile.tasks.calibration import asked_about
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.files import MAP, PICTURE
from spectile.tasks.scene.repeat import Mapped, PreparedScene
from spectile.tasks.scene.task import Material, SceneTask
from spectile.tasks.settings import settings_from
from spectile.training.regions.labelled_windows import LabelledWindows

BATCH = 32


class TestedAlone(PreparedScene):
    """A prepared scene of which the test pixels are mapped."""

    def predict(self, model: Model, work: Work) -> Mapped:
        started = time.perf_counter()
        pixels = self.preparation.pixels(TEST)
        cuts = LabelledWindows(self.scene, self.preparation.preprocessing, model.window, *pixels)
        network = model.network.eval()
        found = []
        with torch.inference_mode():
            for batch in torch.arange(len(cuts)).split(BATCH):
                windows, _ = cuts.__getitems__(batch.tolist())
                found.append(network(windows).argmax(1))
        values = np.zeros((self.scene.height, self.scene.width), np.uint8)
        values[pixels[0], pixels[1]] = np.asarray(model.legend.values)[torch.cat(found).numpy()]
        path = work.folder / MAP
        size = {"height": values.shape[0], "width": values.shape[1], "count": 1}
        with rasterio.open(path, "w", driver="GTiff", dtype="uint8", nodata=0, **size) as raster:
            raster.write(values, 1)
        write_picture(path, work.folder / PICTURE, model.legend)
        summary = MapSummary("patches", None, time.perf_counter() - started)
        compute = Compute("patches")
        known = asked_about(model, self.scene, pixels, compute, seed=self.config.seed)
        return Mapped(path, summary, model, known)


class TestWindows(SceneTask):
    """The task "scene" without a whole map."""

    def prepare(self, material: Material, config: SceneConfig) -> PreparedScene:
        return TestedAlone(**vars(super().prepare(material, config)))


def train_and_test(
    scene: Any, labels: Any, *, network: Any, split: Any, out: Any, recipe: str, **settings: Any
) -> None:
    """As :func:`spectile.train`, but for the map."""
    config: Any = settings_from(
        "scene", recipe, scene=scene.source, network=network.__name__, split="file", **settings
    )
    task = TestWindows(scene=scene, labels=labels, sides=split, network=network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        run(task, config, out, quiet=True)
