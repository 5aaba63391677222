"""What runs and maps show: the rasters in a run's directory, and those beside a map.

Apart from :mod:`spectile.viewing.material`: these need PyTorch, and a scene alone opens without.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from spectile.data.labels.labels import Labels
from spectile.data.labels.legend import Legend, make_legend
from spectile.data.labels.numbers import names_in
from spectile.data.readers.as_scene import as_scene
from spectile.data.readers.gdal import quiet_gdal
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.layers.classes import LAYER as CLASSES
from spectile.mapping.layers.registry import known_layers
from spectile.mapping.output.map_files import raster_file
from spectile.mapping.output.split_raster import SPLIT_FILE_LEGEND
from spectile.runs.directory import read_started
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.files import MAP, REPORT, SPLIT
from spectile.tasks.scene.material import open_material as open_scene_and_labels
from spectile.viewing.layers import ClassLayer, ErrorLayer, ValueLayer, ViewLayer
from spectile.viewing.material import Material, axis_option, is_known, label_layer
from spectile.viewing.thinning import Thinned

MOST_LABELLED = 1 << 26
"""Pixels of a scene up to which its labels are held in memory."""
_SAID = {
    "probabilities": "Probability of",
    "entropy": "Entropy",
    "applicability": "Applicability",
}


def open_run_material(directory: Path, given: Any) -> Material:
    """What a finished run shows; `given` is its scene where that was in memory.

    Raises InputError where no run on a scene lies there, or its scene is gone.
    """
    if not (directory / REPORT).exists():
        raise InputError(f"{directory} holds no finished run: go on with it by --resume.")
    config = read_started(directory, SceneConfig)
    if config is None or not (directory / MAP).exists():
        raise InputError(
            f"{directory} holds no run on a scene: give one of train scene, or a scene."
        )
    labels: Labels | None = None
    notes: list[str] = []
    if given is not None:
        scene = as_scene(given, bands_last=config.bands_last)
    elif is_known(config.scene):
        scene, labels = open_scene_and_labels(config)
    else:
        scene = _scene_of_run(config, directory)
        if config.labels is not None and scene.height * scene.width <= MOST_LABELLED:
            labels = _trying(lambda: open_scene_and_labels(config)[1], notes)
        elif config.labels is not None:
            notes.append("The labels aren't shown: the scene is too large to hold them in memory.")
    mapped, legend = map_layers(directory / MAP, scene)
    layers: list[ViewLayer] = []
    if labels is not None:
        layers.append(label_layer(labels, scene))
    split = None
    if (directory / SPLIT).exists():
        split = Thinned(_on_grid(directory / SPLIT, scene))
        sides = SPLIT_FILE_LEGEND.categories
        layers.append(ClassLayer("split", "Split", split, sides, switched=False))
    layers.append(mapped[0])
    truth = next((layer for layer in layers if layer.key == "labels"), None)
    if split is not None and isinstance(truth, ClassLayer):
        layers.append(ErrorLayer(mapped[0], truth, split))
    layers += mapped[1:]
    name = directory.resolve().name
    return Material(
        name,
        scene,
        tuple(layers),
        legend.categories,
        directory / MAP,
        labels,
        tuple(notes),
        None if given is not None else config.scene,
        axis_option(config.bands_last),
    )


def _scene_of_run(config: SceneConfig, directory: Path) -> Scene:
    try:
        return open_scene(config.scene, bands_last=config.bands_last)
    except InputError as error:
        raise InputError(
            f"the scene of {directory} can't be opened: {error.on_command_line}"
        ) from error


def _trying(opening: Callable[[], Labels], notes: list[str]) -> Labels | None:
    """What can be opened; a note on what can't, for the rest is worth seeing."""
    try:
        return opening()
    except InputError as error:
        notes.append(f"The labels aren't shown: {error.on_command_line}")
        return None


def map_layers(path: Path, scene: Scene) -> tuple[list[Any], Legend]:
    """The map, then what other rasters lie beside it, and the map's classes."""
    raster = _on_grid(path, scene)
    if raster.bands != 1 or raster.dtype.kind not in "iu":
        raise InputError(f"{path} is no class map: give one that `spectile map` wrote.")
    thinned = Thinned(raster)
    legend = _legend_of(path, thinned)
    layers: list[Any] = [
        ClassLayer("map", "Map", thinned, legend.categories, opacity=0.7, shown=True)
    ]
    for layer in known_layers().values():
        file = raster_file(path, layer)
        if layer.name == CLASSES.name or not file.is_file():
            continue
        form = layer.form(legend)
        layers.append(
            ValueLayer(
                layer.name,
                _SAID.get(layer.name, layer.name.replace("_", " ").capitalize()),
                Thinned(_on_grid(file, scene)),
                choices=form.bands if len(form.bands) > 1 else (),
                opacity=0.85,
            )
        )
    return layers, legend


def _legend_of(path: Path, thinned: Thinned) -> Legend:
    """Names and colours that a map carries; of another raster the numbers that are seen in it."""
    names = names_in(str(path))
    colors = {}
    with quiet_gdal(), rasterio.open(path) as dataset:
        if dataset.colorinterp[0].name == "palette":
            colors = {value: color[:3] for value, color in dataset.colormap(1).items()}
    values = list(names)
    if not values:
        raster = thinned.raster
        grid = thinned.grid((0, raster.height), (0, raster.width), most=2048, bands=1)
        seen = np.unique(thinned.read(grid, [0]))
        values = [int(value) for value in seen if 0 < value <= np.iinfo(np.uint16).max]
    if not values:
        raise InputError(f"{path} holds no class: all of it is 0.")
    return make_legend(values, names, colors)


def _on_grid(path: Path, scene: Scene) -> Scene:
    """A raster of the scene's size."""
    raster = open_scene(path)
    if (raster.height, raster.width) != (scene.height, scene.width):
        raise InputError(
            f"{path} is {raster.width} x {raster.height} pixels and {scene.source} "
            f"{scene.width} x {scene.height}: give a map of the whole scene."
        )
    return raster
