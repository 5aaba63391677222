"""What one view shows: a scene, and the map, labels, split and layers that belong to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.datasets.known import KNOWN, open_known
from spectile.data.labels.labels import Labels
from spectile.data.labels.legend import Category, Legend
from spectile.data.readers.as_scene import as_scene
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.tasks.files import CONFIG
from spectile.viewing.layers import ClassLayer, ViewLayer
from spectile.viewing.thinning import Thinned

MOST_COUNTED = 1 << 27
"""Pixels of a map up to which its classes are counted."""


@dataclass(frozen=True, eq=False)
class Material:
    """A scene with all that there is to show of it."""

    name: str
    """Of the run, or of the scene's file."""
    scene: Scene
    layers: tuple[ViewLayer, ...] = ()
    categories: tuple[Category, ...] = ()
    """The classes of map and labels, which a legend switches on and off."""
    map_path: Path | None = None
    labels: Labels | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    origin: str | None = None
    """What `train scene` calls the scene; None for one that is in memory."""
    options: tuple[str, ...] = ()
    """What `train scene` has to be told of it besides."""

    def layer(self, key: str) -> ViewLayer | None:
        """The layer that is known by `key`."""
        return next((layer for layer in self.layers if layer.key == key), None)

    @property
    def mapped(self) -> ClassLayer | None:
        """The map."""
        layer = self.layer("map")
        return layer if isinstance(layer, ClassLayer) else None

    @property
    def truth(self) -> ClassLayer | None:
        """The labels."""
        layer = self.layer("labels")
        return layer if isinstance(layer, ClassLayer) else None

    @cached_property
    def areas(self) -> tuple[NDArray[np.float64], str] | None:
        """The area of each category in the map, and its unit; None for what takes too long."""
        if self.map_path is None or self.scene.height * self.scene.width > MOST_COUNTED:
            return None
        from spectile.tasks.map_areas import mapped_areas

        return mapped_areas(self.map_path, self.scene, Legend(self.categories))

    def with_map(self, path: Path) -> Material:
        """The same scene with another map in the place of its own."""
        from spectile.viewing.map_material import map_layers

        mapped, legend = map_layers(path, self.scene)
        kept = [layer for layer in self.layers if layer.key == "labels"]
        return replace(
            self,
            name=path.name,
            layers=(*kept, *mapped),
            categories=legend.categories,
            map_path=path,
            notes=(),
        )


def open_material(
    source: Any,
    *,
    map_path: str | Path | None = None,
    bands_last: bool | None = None,
    scene: Any = None,
) -> Material:
    """What `source` is: a run's directory, a scene in whatever form, the name of a known one.

    `map_path` is a map of the scene, as `spectile map` writes it. `scene` is that of a run which
    was trained on what is in memory. Raises InputError for anything else.
    """
    if isinstance(source, str | Path) and (Path(source) / CONFIG).is_file():
        if map_path is not None:
            raise InputError(f"{source} is a run with a map of its own: leave --map out.")
        from spectile.viewing.map_material import open_run_material

        return open_run_material(Path(source), scene)
    labels = None
    if isinstance(source, str) and is_known(source):
        opened, labels = open_known(source)
    else:
        _refuse_other_folders(source)
        opened = as_scene(source, bands_last=bands_last)
    layers: list[ViewLayer] = []
    legend = None if labels is None else labels.legend
    if labels is not None:
        layers.append(label_layer(labels, opened, shown=map_path is None))
    if map_path is not None:
        from spectile.viewing.map_material import map_layers

        mapped, legend = map_layers(Path(map_path), opened)
        layers += mapped
    return Material(
        Path(opened.source).name,
        opened,
        tuple(layers),
        () if legend is None else legend.categories,
        None if map_path is None else Path(map_path),
        labels,
        opened.notes,
        str(source) if isinstance(source, str | Path) else _file_of(opened),
        axis_option(bands_last),
    )


def _file_of(scene: Scene) -> str | None:
    """The file that an open scene is read from; None where it is in memory."""
    return scene.source if scene.files and Path(scene.source).exists() else None


def axis_option(bands_last: bool | None) -> tuple[str, ...]:
    """The option of `train scene` that says where the bands of an array are."""
    if bands_last is None:
        return ()
    return ("--bands-last",) if bands_last else ("--bands-first",)


def is_known(name: str) -> bool:
    """Whether it names a public scene, and no file."""
    return name in {known.name for known in KNOWN} and not Path(name).exists()


def _refuse_other_folders(source: Any) -> None:
    """Say where the runs of a demo are."""
    if not isinstance(source, str | Path) or not Path(source).is_dir():
        return
    runs = sorted(part.name for part in Path(source).iterdir() if (part / CONFIG).is_file())
    if runs:
        raise InputError(
            f"{source} holds the runs {', '.join(runs)}: give {Path(source) / runs[0]}."
        )


def label_layer(labels: Labels, scene: Scene, *, shown: bool = False) -> ClassLayer:
    """A layer of labels under the values of their legend."""
    values = np.array([0, *labels.legend.values], np.uint16)[labels.classes]
    raster = scene_from_array(values[None], source=scene.source)
    return ClassLayer(
        "labels", "Labels", Thinned(raster), labels.legend.categories, shown=shown, opacity=0.8
    )
