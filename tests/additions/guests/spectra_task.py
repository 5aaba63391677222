"""The task "spectra" itself, with what a model file says of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from rasterio.windows import Window
from torch.nn.functional import cross_entropy

from spectile import networks
from spectile.data.labels.labels import Labels, open_labels
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.model.model import Model
from spectile.model.trained_task import TrainedTask
from spectile.reports.record import Record
from spectile.tasks.base import CheckFiles, Finished, Prepared, Progress, Task, Work
from spectile.training.fit import Fit

from .spectra import FOUND, SIDES, SpectraConfig

NETWORK, OPTIONS = "guest-net", {"window": 1}


@dataclass(frozen=True)
class SpectrumTask(TrainedTask):
    """The class of a spectrum, without any neighbour."""

    name: Literal["spectra"] = "spectra"

    @property
    def trained_edge(self) -> int:
        """One pixel."""
        return 1

    @property
    def probe_edge(self) -> int:
        """The same."""
        return 1


@plain_dataclass(frozen=True)
class Material:
    """A scene and its labels."""

    scene: Scene
    labels: Labels


class SpectraTask(Task[SpectraConfig, Material, Record]):
    """Half of the labelled pixels train, half test."""

    config = SpectraConfig
    scores = ("hit_rate",)

    def check(self, config: SpectraConfig) -> None:
        pass

    def open(
        self, config: SpectraConfig, check_files: CheckFiles, progress: Progress | None
    ) -> Material:
        scene = open_scene(config.scene)
        check_files(scene.files)
        return Material(scene, open_labels(config.labels, like=scene))

    def prepare(self, material: Material, config: SpectraConfig) -> PreparedSpectra:
        rows, columns = np.nonzero(material.labels.classes)
        chosen = np.random.default_rng(config.seed).random(len(rows)) < 0.5
        return PreparedSpectra(material, config, rows, columns, chosen)

    def report(self, path: Path, record: Record) -> None:
        path.write_text(f"<p>{record.heading}: {record.metrics['hit_rate']}</p>")

    def outputs(self, config: SpectraConfig) -> tuple[str, ...]:
        return SIDES, FOUND


@plain_dataclass(frozen=True)
class Found:
    """Right or wrong, by the test pixel."""

    right: NDArray[np.bool_]
    seconds: Mapping[str, float]


@plain_dataclass(frozen=True)
class PreparedSpectra(Prepared[Found, Record]):
    """Labelled pixels on two sides."""

    material: Material
    config: SpectraConfig
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    chosen: NDArray[np.bool_]

    def write_split(self, work: Work) -> None:
        np.save(work.folder / SIDES, self.chosen)

    def fit(self, work: Work) -> tuple[Model, Fit]:
        begin, scene, legend = time.perf_counter(), self.material.scene, self.material.labels.legend
        values = scene.read()[:, self.rows, self.columns].T[self.chosen]
        preprocessing = Preprocessing(
            tuple(range(scene.bands)), fit_reducer("standardise", values), "reflect"
        )
        torch.manual_seed(self.config.seed)
        sizes = {"bands": scene.bands, "classes": len(legend)}
        network = networks.create(NETWORK, **sizes, **OPTIONS)
        optimizer = torch.optim.Adam(network.parameters(), 0.05)
        spectra, truth = self._side(preprocessing, self.chosen)
        history = []
        for step in range(self.config.recipe.steps):
            loss = cross_entropy(network(spectra), truth)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # PyTorch lacks it
            optimizer.step()
            history.append({"epoch": step + 1, "train_loss": float(loss.detach())})
        model = Model(
            NETWORK,
            OPTIONS,
            network.eval(),
            SpectrumTask(),
            preprocessing,
            legend,
            scene.bands,
            None,
        )
        return model, Fit(history, len(history), time.perf_counter() - begin)

    def predict(self, model: Model, work: Work) -> Found:
        spectra, truth = self._side(model.preprocessing, ~self.chosen)
        with torch.inference_mode():
            right = (model.network(spectra).argmax(1) == truth).numpy()
        (work.folder / FOUND).write_text("\n".join(["right", *map(str, right)]))
        return Found(right, {"predict": 0.0})

    def score(self, predicted: Found) -> dict[str, Any]:
        split = {"kind": "halves", "test_spectra": len(predicted.right), "verdict": "By the pixel."}
        return {"hit_rate": float(predicted.right.mean()), "split": split}

    def record(self, predicted: Found, finished: Finished) -> Record:
        return Record(
            title="Spectra",
            config=self.config.as_dict(),
            metrics=finished.metrics,
            history=finished.history,
            legend=self.material.labels.legend,
            heading="spectra",
        )

    def _side(
        self, preprocessing: Preprocessing, side: NDArray[np.bool_]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Components (N, C, 1, 1) and classes (N) of the pixels of a side."""
        scene = self.material.scene
        window = Window(0, 0, scene.width, scene.height)
        components, _ = preprocessing.read(scene, window, 0)
        places = self.rows[side], self.columns[side]
        spectra = torch.from_numpy(components[:, places[0], places[1]].T[:, :, None, None].copy())
        return spectra, torch.from_numpy(self.material.labels.classes[places] - 1).long()
