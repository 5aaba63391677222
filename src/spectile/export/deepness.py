"""What the QGIS plugin Deepness asks of a graph, and of its metadata.

https://github.com/PUTvision/qgis-plugin-deepness (src/deepness/processing): a square of one size
goes in, as float32 divided by 255; the output's largest class counts where its value is at least
`seg_thresh`; of overlapping tiles what lies half the overlap inside. Its values are JSON.
"""

from __future__ import annotations

import math
from typing import Any

from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.export.graph import GraphOptions
from spectile.model.model import Model
from spectile.model.trained_task import ImageTask, WindowTask

SCALE = 255.0
"""What it divides by, whatever the type of the raster."""
TILE = 256
OVERLAP_OF_PIXELS = 25
"""Percent, for networks without a window that decides a pixel."""


def deepness_options(model: Model, tile: int, nodata: float | None) -> GraphOptions:
    """A graph for its tiles, of `tile` pixels a side; InputError for a model that gives no map.

    Padding lies inside: the plugin takes a smaller output only where an even number of pixels is
    missing on each side, and would leave the layer's border without classes.
    """
    if isinstance(model.trained_for, ImageTask):
        raise InputError(
            f"{model.name} gives one class for an image, and Deepness draws maps: export a model "
            "of `train scene` or `train segment`."
        )
    windows = isinstance(model.trained_for, WindowTask)
    if windows and tile < 2 * model.window:
        raise InputError(
            f"tiles of {tile} pixels are too small for windows of {model.window}: choose --tile "
            f"{2 * model.window} or more."
        )
    return GraphOptions(dense=windows, nodata=nodata, scale=SCALE, edge=tile)


def deepness_metadata(model: Model, tile: int, resolution: float) -> dict[str, Any]:
    """What the plugin reads; `resolution` in centimetres a pixel."""
    return {
        "model_type": "Segmentor",
        "class_names": {str(place): name for place, name in enumerate(model.legend.names)},
        "resolution": resolution,
        "tile_size": tile,
        "tiles_size": tile,  # as its documentation calls it
        "tiles_overlap": overlap_percent(model, tile),
        "seg_thresh": 0.0,
        "seg_small_segment": 0,  # no median filter over the classes
    }


def overlap_percent(model: Model, tile: int) -> int:
    """The least overlap at which no pixel of a map has seen a tile's padding."""
    if not isinstance(model.trained_for, WindowTask):
        return OVERLAP_OF_PIXELS
    reach = model.window // 2
    return next(
        percent for percent in range(101) if int(tile * percent / 100 * 2) // 2 // 2 >= reach
    )


def resolution_of(scene: Scene | None) -> float:
    """Centimetres a pixel; InputError where the scene doesn't say it in metres."""
    crs = None if scene is None else scene.crs
    if scene is None or scene.transform is None or crs is None or not crs.is_projected:
        raise InputError(
            "Deepness needs the size of a pixel, which no scene tells: give --resolution in "
            "centimetres, or --check with a scene in metres."
        )
    _, metres = crs.linear_units_factor
    edge = math.hypot(scene.transform.a, scene.transform.d)
    return round(100 * float(metres) * edge, 6)
