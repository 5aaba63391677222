"""A class map as a picture: the colours of its classes, and a PNG with the legend at the side."""

from __future__ import annotations

import math
import os
import textwrap
import warnings

import numpy as np
import rasterio
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.labels.legend import Legend
from spectile.errors import InputError
from spectile.files import write_aside

DPI = 100
SMALLEST = 600
"""Maps with a shorter longest side are enlarged, by a whole number, up to this many pixels."""


def class_colors(classes: NDArray[np.integer], legend: Legend) -> NDArray[np.uint8]:
    """The colours (h, w, 4) of `classes` (h, w): 0 is transparent, k the legend's k-th category."""
    opaque = [(*color, 255) for color in legend.colors]
    colors: NDArray[np.uint8] = np.array([(0, 0, 0, 0), *opaque], np.uint8)[classes]
    return colors


def write_picture(
    map_path: str | os.PathLike[str],
    png_path: str | os.PathLike[str],
    legend: Legend,
    *,
    max_size: int = 1600,
) -> None:
    """Draw the class map at `map_path` with its legend.

    `max_size` bounds the longest side of the map in the picture, in pixels; a larger map is
    thinned out. Raises InputError if the map can't be read or the picture can't be written.
    """
    classes = _read_thinned(map_path, legend, max_size)
    height, width = classes.shape
    zoom = max(1, min(SMALLEST, max_size) // max(height, width))
    figure = Figure(figsize=(width * zoom / DPI, height * zoom / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(class_colors(classes, legend), interpolation="none", aspect="auto")
    axes.set(xticks=[], yticks=[])
    _draw_legend(axes, legend, nodata=bool((classes == 0).any()), height=height * zoom)
    with write_aside(png_path) as aside, warnings.catch_warnings():
        # Matplotlib's own font lacks the letters of some languages; boxes are drawn instead.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(aside, format="png", bbox_inches="tight", pad_inches=0.1)


def _draw_legend(axes: Axes, legend: Legend, *, nodata: bool, height: int) -> None:
    """Name the classes to the right of the map, in as many columns as its height asks for."""
    entries = list(zip(legend.names, legend.colors, strict=True))
    if nodata:
        entries.append(("no data", (255, 255, 255)))
    handles = [
        Patch(facecolor=np.divide(color, 255).tolist(), edgecolor="0.4", linewidth=0.5)
        for _, color in entries
    ]
    points = max(10.0, height / DPI)
    lines = max(10, int(height / (1.7 * points * DPI / 72)))
    box = axes.legend(
        handles,
        [""] * len(handles),
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        ncols=math.ceil(len(handles) / lines),
        fontsize=points,
        frameon=False,
        borderaxespad=0.0,
    )
    # Names are set afterwards: the legend would leave out those that begin with an underscore.
    for text, (name, _) in zip(box.get_texts(), entries, strict=True):
        text.set_parse_math(False)  # a name may hold dollar signs
        text.set_text(textwrap.shorten(name, 48, placeholder="…"))


def _read_thinned(
    path: str | os.PathLike[str], legend: Legend, max_size: int
) -> NDArray[np.integer]:
    """The map as legend positions, its longest side at most `max_size` pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                thinning = max(1.0, source.height / max_size, source.width / max_size)
                height, width = int(source.height / thinning), int(source.width / thinning)
                values = source.read(1, out_shape=(max(1, height), max(1, width)))
    except GDAL_ERRORS as error:
        raise InputError(f"{os.fspath(path)} can't be read as a map: make it again.") from error
    if values.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{os.fspath(path)} holds {values.dtype}, so it is no class map.")
    positions = np.zeros(int(max(values.max(), *legend.values)) + 1, np.int32)
    positions[list(legend.values)] = np.arange(1, len(legend) + 1)
    classes: NDArray[np.integer] = positions[values]
    if (unknown := values[(classes == 0) & (values != 0)]).size:
        raise InputError(
            f"{os.fspath(path)} holds the class {unknown[0]}, which the legend lacks: "
            "draw it with its own legend."
        )
    return classes
