"""A finished run in Python: what its directory holds, as values."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from markupsafe import Markup, escape
from numpy.typing import NDArray
from PIL import Image

from spectile.api.model import Model, load
from spectile.data.readers.gdal import quiet_gdal
from spectile.data.readers.xarray import is_data_array
from spectile.errors import InputError
from spectile.files import not_writable, write_aside
from spectile.mapping.array_map import MapArrays
from spectile.mapping.output.data_array import map_dataset
from spectile.reports.comparison_report import score_in_words
from spectile.reports.page import KAPPA
from spectile.runs.run_files import LOCK
from spectile.scoring.metrics import LABELS
from spectile.scoring.records import read_history
from spectile.tasks.files import (
    CONFIG,
    HISTORY,
    MAP,
    METRICS,
    MODEL,
    PICTURE,
    REPORT,
    SPLIT,
    SPLIT_TABLE,
)
from spectile.tasks.yaml_file import read_yaml

if TYPE_CHECKING:
    import xarray as xr

    from spectile.model.build import NetworkSource
    from spectile.viewing.material import Material

THUMBNAIL = 720
"""Longest side in pixels of the map in a notebook."""


class Run:
    """What a run has left in its directory; see :func:`spectile.train` and :func:`open_run`.

    In a notebook it shows scores, verdict and map.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        scene: Any = None,
        network: NetworkSource | None = None,
        kept: TemporaryDirectory[str] | None = None,
    ) -> None:
        """`scene` and `network` are those that it was trained with, where they are in memory.

        `kept` is the temporary directory that the run lies in: it goes when the run does.
        """
        self.directory = Path(directory)
        self._scene = scene
        self._network = network
        self._kept = kept

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        """Scores, confusion matrix, split and its overlap: what metrics.json holds."""
        metrics: Mapping[str, Any] = json.loads(self._file(METRICS).read_bytes())
        return metrics

    @property
    def verdict(self) -> str:
        """One sentence on how far to trust the scores."""
        verdict: str = self.metrics["split"]["verdict"]
        return verdict

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """All settings, nested as in config.yaml."""
        config: Mapping[str, Any] = read_yaml(self._file(CONFIG))
        return config

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """One row an epoch, ready for pandas.DataFrame."""
        return [dict(row) for row in read_history(self._file(HISTORY))]

    @cached_property
    def model(self) -> Model:
        """The trained model."""
        return load(self._file(MODEL), network=self._network)

    @cached_property
    def split(self) -> NDArray[np.uint8] | dict[str, str]:
        """Sides of a scene's pixels (H, W), or of images by name.

        In a scene 0 is unlabelled, 1 train, 2 validation, 3 test, 4 labelled but on no side.
        """
        if (self.directory / SPLIT).exists():
            return _raster(self.directory / SPLIT)
        with self._file(SPLIT_TABLE).open(
            newline="", encoding="utf-8", errors="surrogateescape"
        ) as file:
            return {row["image"]: row["side"] for row in csv.DictReader(file)}

    @cached_property
    def map(self) -> NDArray[Any] | xr.DataArray:
        """The class of each pixel as the legend's value (H, W), 0 where there are no data.

        A DataArray with the scene's coordinates if the scene was one. Raises InputError for a run
        on images, which makes no map.
        """
        classes = _raster(self._file(MAP))
        if not is_data_array(self._scene):
            return classes
        dataset = map_dataset(MapArrays({"classes": classes}), self._scene, self.model.legend)
        found: xr.DataArray = dataset["classes"]
        return found

    def report(self, path: str | Path | None = None) -> Path:
        """The report as one HTML file, copied to `path` if one is given.

        Without, that of a run in a temporary folder is gone with the Run.
        """
        report = self._file(REPORT)
        if path is None:
            return report
        target = Path(path)
        if target.exists():
            raise InputError(f"{target} exists: choose another name for the report.")
        with write_aside(target) as aside:
            shutil.copyfile(report, aside)
        return target

    def view(self, *, labels: str | Path | None = None, notebook_url: str | None = None) -> None:
        """Look at scene, map and layers; see :func:`spectile.view`."""
        from spectile.viewing import needs_bokeh  # late: few notebooks look at what they train

        needs_bokeh()
        from spectile.viewing.python import show

        show(self.material(), labels=labels, notebook_url=notebook_url)

    def material(self) -> Material:
        """What there is to look at."""
        from spectile.viewing.material import open_material

        in_files = self._scene is None or isinstance(self._scene, str | Path)
        return open_material(self.directory, scene=None if in_files else self._scene)

    def save(self, directory: str | Path) -> Run:
        """Copy the run to a directory that isn't there yet, whole or not at all."""
        target = Path(directory)
        if target.exists():
            raise InputError(f"{target} exists: choose another directory for the run.")
        self._file(REPORT)
        if target.resolve().is_relative_to(self.directory.resolve()):
            raise InputError(f"{target} lies inside of the run: choose a place outside of it.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_writable(target, error) from error
        with write_aside(target) as aside:
            shutil.copytree(self.directory, aside, ignore=shutil.ignore_patterns(LOCK))
        return Run(target, scene=self._scene, network=self._network)

    def __repr__(self) -> str:
        scores = ", ".join(f"{label} {value}" for label, value in self._scores())
        return f"<Run {self.metrics['network']}: {scores}. {self.verdict}>"

    def _repr_html_(self) -> str:
        rows = Markup("").join(
            Markup("<tr><th style='text-align:left'>{}</th><td>{}</td></tr>").format(label, value)
            for label, value in self._scores()
        )
        return str(
            Markup("<div><b>{}</b><table>{}</table><p>{}</p>{}</div>").format(
                self.metrics["network"], rows, self.verdict, self._thumbnail()
            )
        )

    def _scores(self) -> list[tuple[str, str]]:
        return [
            (label, score_in_words(self.metrics, name) + "%" * (name != KAPPA))
            for name, label in LABELS.items()
            if name in self.metrics
        ]

    def _thumbnail(self) -> Markup:
        picture = self.directory / PICTURE
        if not picture.exists():
            return Markup("")
        with Image.open(picture) as image:
            small = image.convert("RGBA")
        small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        small.save(file, "PNG")
        data = base64.b64encode(file.getvalue()).decode("ascii")
        return Markup('<img alt="map" src="data:image/png;base64,{}">').format(escape(data))

    def _file(self, name: str) -> Path:
        path = self.directory / name
        if not path.exists():
            raise InputError(f"{self.directory} has no {name}: it holds no such run, or none yet.")
        return path


def open_run(directory: str | Path, *, network: NetworkSource | None = None) -> Run:
    """The finished run in a directory.

    `network` is needed for one that was trained with a network of one's own. Raises InputError
    where no finished run lies.
    """
    run = Run(directory, network=network)
    if not (run.directory / REPORT).exists():
        raise InputError(f"{directory} holds no finished run: name the directory of one.")
    return run


def _raster(path: Path) -> NDArray[Any]:
    with quiet_gdal(), rasterio.open(path) as raster:
        values: NDArray[Any] = raster.read(1)
    return values
