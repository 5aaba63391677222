"""Labels: which pixels of a scene belong to which class, whatever format says so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectile.data.labels.arrays import read_label_array
from spectile.data.labels.counts import LabelTally, count_values, raster_counts, tally
from spectile.data.labels.label_files import TABLES as TABLES
from spectile.data.labels.label_files import LabelFile, find_label_file
from spectile.data.labels.label_values import LabelValues, class_values
from spectile.data.labels.legend import (
    LARGEST_VALUE,
    Legend,
    is_legend_file,
    make_legend,
    read_legend_entries,
)
from spectile.data.labels.palette import Color
from spectile.data.labels.points import read_label_points
from spectile.data.labels.raster import read_label_raster
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.files import check_name

Places = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Rows, columns and class indices, from 0, of some labelled pixels, (N,) each."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Which pixels of a scene belong to which class; make one with :func:`open_labels`."""

    classes: NDArray[np.int32]
    """Shape (H, W): 0 where unlabelled, k for the k-th class of the legend."""
    legend: Legend
    notes: tuple[str, ...] = ()
    """Sentences for people about what was left out or decided on the way."""
    tally: LabelTally | None = None
    """Each class in the file and on the scene, counted."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """Pixels of each class, shape (K,), in the legend's order."""
        labelled = self.classes[self.classes > 0]
        return np.bincount(labelled, minlength=len(self.legend) + 1)[1:].astype(np.int64)


def open_labels(
    path: str | os.PathLike[str],
    *,
    like: Scene,
    column: str | None = None,
    legend: Legend | str | Path | None = None,
) -> Labels:
    """Read labels onto the grid of the scene `like`.

    `path` is a raster in any format that scenes have (``file.mat:variable`` picks an array), a
    GeoPackage, GeoJSON, Shapefile or other vector file that GDAL reads (``file.gpkg:layer`` picks
    a layer), a zip archive with one of these, or a CSV of points or geometries; `column` is the
    one that holds the classes of features or points. Rasters and features are brought onto the
    scene's grid by georeference; without one, sizes must be equal, and a note says so. Features
    without a coordinate system are in pixels where the scene has none either.

    The file's class numbers become the legend's values. Names and colours come from `legend`
    (a CSV as :func:`read_legend` takes it), else from such a CSV beside the labels
    (``labels.csv`` beside ``labels.tif``), else from the file itself, else they are chosen.
    A class listed in `legend` is kept even if no pixel has it, so that several label files can
    share one legend; otherwise the legend holds the classes that occur.

    Raises InputError for what can't be understood, for a class that a given legend lacks, and if no
    pixel is labelled.
    """
    source = os.fspath(path)
    check_name(source)
    file = find_label_file(source)
    naming = _naming(file.path, legend)
    return _with_legend(_read(file, like, column, naming), naming, source)


def labels_from_array(
    classes: ArrayLike,
    *,
    names: Sequence[str] | Mapping[int, str] | None = None,
    legend: Legend | str | Path | None = None,
    source: str = "the array of labels",
) -> Labels:
    """Labels from an array (H, W) of whole numbers; 0 and negative ones mean unlabelled.

    `names` are those of the classes: a mapping from numbers to names, or a sequence that names the
    numbers 1, 2, 3 ... If any are given, each number that occurs needs one. A `legend`, or the path
    of its CSV file, gives names and colours.

    Raises InputError for an array of another shape or of broken numbers, for a class without a
    name, and if no pixel is labelled.
    """
    array = np.asarray(classes)
    if array.ndim != 2:
        raise InputError(f"{source} has {array.ndim} axes: labels have rows and columns.")
    naming = _naming(Path(), legend)
    if names is not None:
        by_value = names if isinstance(names, Mapping) else dict(enumerate(names, start=1))
        naming = _Naming("the list of names", by_value, {}, keep_all=False)
    values = class_values(array, source)
    counts = raster_counts(count_values(values), values)
    return _with_legend(LabelValues(values, counts=counts), naming, source)


def labels_from_frame(
    frame: Any,
    *,
    like: Scene,
    column: str | None = None,
    legend: Legend | str | Path | None = None,
    source: str = "the GeoDataFrame",
) -> Labels:
    """Labels of a geopandas GeoDataFrame of polygons, lines or points, on the scene's grid.

    As :func:`open_labels` reads the features of a file; `column` is the one with the classes.
    Raises InputError for what can't be understood, and where nothing lies inside the scene.
    """
    from spectile.data.labels.vector_layers import layer_of_frame
    from spectile.data.labels.vectors import labels_of_layer

    naming = _naming(Path(), legend)
    numbers = {name: value for value, name in naming.names.items()} if naming else None
    found = labels_of_layer(layer_of_frame(frame, source), like, column=column, numbers=numbers)
    return _with_legend(found, naming, source)


@dataclass(frozen=True)
class _Naming:
    """Names and colours that come from elsewhere than the label file."""

    source: str
    names: Mapping[int, str]
    colors: Mapping[int, Color]
    keep_all: bool
    """Whether classes that don't occur stay."""


def _naming(file: Path, legend: Legend | str | Path | None) -> _Naming | None:
    if isinstance(legend, Legend):
        values = legend.values
        return _Naming(
            "the legend",
            dict(zip(values, legend.names, strict=True)),
            dict(zip(values, legend.colors, strict=True)),
            keep_all=True,
        )
    if legend is not None:
        return _Naming(str(legend), *read_legend_entries(legend), keep_all=True)
    beside = file.with_suffix(".csv") if file.name else file
    if beside != file and is_legend_file(beside):
        return _Naming(str(beside), *read_legend_entries(beside), keep_all=False)
    return None


def _read(file: LabelFile, like: Scene, column: str | None, naming: _Naming | None) -> LabelValues:
    numbers = {name: value for value, name in naming.names.items()} if naming else None
    if file.kind == "table":
        return read_label_points(file.source, like, column=column, numbers=numbers)
    if file.kind == "vector":
        # Geopandas takes half a second to import, and most labels are rasters.
        from spectile.data.labels.vectors import read_label_vectors

        return read_label_vectors(
            file.name, like, source=file.source, layer=file.part, column=column, numbers=numbers
        )
    if file.kind == "array":
        found = read_label_array(file.path, file.part, file.source, like)
    else:
        found = read_label_raster(file.name, like)
    if column is not None:
        # Read first: what can't be read at all is no raster whose column could be left out.
        raise InputError(
            f"{file.source} is a raster and has no column '{column}': leave --column out."
        )
    return found


def _with_legend(found: LabelValues, naming: _Naming | None, source: str) -> Labels:
    occurring = _occurring(found.values)
    if not occurring:
        raise InputError(f"{source} labels no pixel of the scene: all are 0, nodata or outside.")
    if naming is None:
        legend = make_legend(occurring, found.names, found.colors)
    else:
        missing = [value for value in occurring if value not in naming.names]
        if missing:
            name = found.names.get(missing[0], missing[0])
            raise InputError(
                f"{source} holds the class {name}, which {naming.source} lacks: "
                "add it there or correct the labels."
            )
        kept = naming.names if naming.keep_all else occurring
        legend = make_legend(kept, naming.names, {**found.colors, **naming.colors})
    index_of = np.zeros(LARGEST_VALUE + 1, dtype=np.int32)
    index_of[list(legend.values)] = np.arange(1, len(legend) + 1)
    classes = np.empty_like(found.values)
    for rows in _row_blocks(classes):
        classes[rows] = index_of[found.values[rows]]
    told = None
    if found.counts is not None:
        known = dict(zip(legend.values, legend.names, strict=True))
        told = tally(found.counts, {**found.names, **known}, source)
    return Labels(classes, legend, found.notes, told)


def _occurring(values: NDArray[np.int32]) -> list[int]:
    """The values above 0 that occur, in rising order."""
    occurs = np.zeros(LARGEST_VALUE + 1, dtype=np.bool_)
    for rows in _row_blocks(values):
        occurs[values[rows]] = True
    return [value for value in np.flatnonzero(occurs).tolist() if value > 0]


def _row_blocks(values: NDArray[np.int32]) -> Iterator[slice]:
    """Blocks of rows, for indexing makes a copy of its indices with 64 bits."""
    rows = max(1, (1 << 22) // max(1, values.shape[1]))
    for row in range(0, values.shape[0], rows):
        yield slice(row, row + rows)
