"""Labels from polygons, lines and points: GeoPackage, GeoJSON, Shapefile and their like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from spectile.data.labels.codes import NumberedCells, number_cells
from spectile.data.labels.counts import ClassCount, Counts
from spectile.data.labels.drawing import Drawn, draw_features
from spectile.data.labels.features import open_layer
from spectile.data.labels.geometry import place_features, single_parts, why_outside
from spectile.data.labels.label_values import CLASS_COLUMNS, LabelValues
from spectile.data.labels.vector_layers import SHOWN, FeatureLayer
from spectile.data.projection import scene_box
from spectile.data.scene import Scene
from spectile.errors import InputError


def read_label_vectors(
    name: str,
    like: Scene,
    *,
    source: str,
    layer: str | None = None,
    column: str | None = None,
    numbers: Mapping[str, int] | None = None,
) -> LabelValues:
    """Draw the features of the vector file that GDAL knows as `name` onto the scene's grid.

    See :func:`labels_of_layer`; raises InputError, too, for a file that is no vector file.
    """
    return labels_of_layer(open_layer(name, layer, source), like, column=column, numbers=numbers)


def labels_of_layer(
    layer: FeatureLayer,
    like: Scene,
    *,
    column: str | None = None,
    numbers: Mapping[str, int] | None = None,
) -> LabelValues:
    """Draw features onto the scene's grid.

    A polygon takes the pixels whose centre it covers, a line or point every pixel it touches;
    where features of different classes overlap, the later in the file wins and the pixels are
    counted. Features are brought into the scene's coordinate system; a file without one is taken
    to be in it already, and in pixels where the scene has no coordinates at all. Text classes get
    the `numbers` of a legend, or else are numbered by all features of the file, so that a number
    means the same on every scene. Raises InputError for a file with a coordinate system where the
    scene has none, a class column that can't be found, and where nothing lies inside.
    """
    like, in_pixels = on_pixels(layer, like)
    check_systems(layer, like)
    classes = layer.attributes(_class_column(layer, column))
    cells = number_cells(
        classes.astype(object).where(classes.notna(), None).tolist(),
        source=layer.source,
        place=lambda at: f"feature {at + 1}",
        numbers=numbers,
    )
    geometries, order, placing = _inside(layer, classes.index, like)
    kept = (cells.values[order] > 0) & np.array([one is not None for one in geometries], bool)
    geometries, order = geometries[kept], order[kept]
    if not len(order):
        raise InputError(
            f"No feature of {layer.source} with a class lies inside {like.source}: "
            f"{why_outside(layer, like)}."
        )
    drawn = draw_features(geometries, cells.values[order], like)
    counts = _counts(cells, order, drawn)
    notes = (*cells.notes, *placing, *(in_pixels or _notes_on_place(layer)))
    notes += _notes(layer, cells, counts, drawn)
    return LabelValues(drawn.values, names=cells.names, notes=notes, counts=counts)


def check_placed(like: Scene, source: str) -> None:
    """Raise InputError unless the scene has map coordinates to draw features in."""
    if like.transform is None:
        raise InputError(
            f"{source} holds map coordinates but {like.source} has no coordinate system: "
            "give labels as a raster of the scene's size or as points with row, col, class."
        )


def on_pixels(layer: FeatureLayer, like: Scene) -> tuple[Scene, tuple[str, ...]]:
    """The scene with the grid of its own pixels, and a note, where neither names coordinates.

    X counts columns from the left edge; y counts rows from the upper edge, up to it (negative, as
    QGIS shows such images) or down from it. Raises InputError for a scene without coordinates and
    features that have some.
    """
    if like.transform is not None:
        return like, ()
    bounds = layer.bounds() if layer.crs is None else None
    if bounds is None or not np.isfinite(bounds).all():
        check_placed(like, layer.source)
        return like, ()
    up = bounds[1] + bounds[3] < 0
    note = (
        f"{layer.source} and {like.source} name no coordinate system: x is taken for columns and "
        f"{'-y' if up else 'y'} for rows, in pixels from the upper left corner."
    )
    return replace(like, transform=Affine.scale(1, -1 if up else 1)), (note,)


def check_systems(layer: FeatureLayer, like: Scene) -> None:
    """Raise InputError where features have a coordinate system and the scene none to match it."""
    if like.crs is None and layer.crs is not None:
        raise InputError(
            f"{layer.source} is in a coordinate system but {like.source} has no coordinate system: "
            "give the scene its own first, for instance by gdal_edit.py -a_srs EPSG:..."
        )


def _inside(
    layer: FeatureLayer, listed: Any, like: Scene
) -> tuple[NDArray[Any], NDArray[np.int64], tuple[str, ...]]:
    """Geometries that meet the scene's box, their places in the file, and notes."""
    everything = listed.has_duplicates  # some drivers don't number features: no way to pick any
    placed = place_features(layer, like, all_of_them=everything)
    numbers = np.arange(len(placed.numbers))
    places = numbers if everything else listed.get_indexer(placed.numbers)
    order = np.argsort(places, kind="stable")
    geometries, places = placed.geometries[order], places[order]
    west, south, east, north = scene_box(like)
    meets = np.zeros(len(geometries), np.bool_)
    for at, geometry in enumerate(geometries):
        if geometry is not None and not geometry.is_empty:
            boxes = (part.bounds for part in single_parts(geometry) if not part.is_empty)
            meets[at] = any(
                left <= east and right >= west and bottom <= north and top >= south
                for left, bottom, right, top in boxes
            )
    return geometries[meets], places[meets].astype(np.int64), placed.notes


def _counts(cells: NumberedCells, order: NDArray[np.int64], drawn: Drawn) -> Counts:
    """Features in the file and inside, pixels drawn and kept, class by class."""
    size = int(cells.values.max()) + 1
    in_file, inside, beyond, small = (
        np.bincount(values, minlength=size)
        for values in (
            cells.values,
            cells.values[order],
            cells.values[order[drawn.beyond]],
            cells.values[order[drawn.too_small]],
        )
    )
    return Counts(
        "features",
        {
            value: ClassCount(
                in_file=int(in_file[value]),
                outside=int(in_file[value] - inside[value]),
                beyond=int(beyond[value]),
                too_small=int(small[value]),
                covered=drawn.covered.get(value, 0),
                pixels=drawn.pixels.get(value, 0),
            )
            for value in np.flatnonzero(in_file).tolist()
            if value > 0
        },
    )


def _notes_on_place(layer: FeatureLayer) -> tuple[str, ...]:
    if layer.crs is not None:
        return ()
    return (f"{layer.source} names no coordinate system: taken to be in the scene's.",)


def _notes(
    layer: FeatureLayer, cells: NumberedCells, counts: Counts, drawn: Drawn
) -> tuple[str, ...]:
    source, notes = layer.source, []
    if unclassed := int((cells.values == 0).sum()):
        notes.append(f"{source}: {unclassed} features have no class and were left out.")
    classes = counts.by_value.values()
    told = (
        (sum(one.outside for one in classes), "features lie outside the scene and were left out"),
        (sum(one.beyond for one in classes), "features reach beyond the scene and were cut there"),
        (
            sum(one.too_small for one in classes),
            "features cover the centre of no pixel, and label none",
        ),
        (
            drawn.contested,
            "pixels lie under features of different classes: the last in the file won",
        ),
    )
    notes += [f"{source}: {count} {what}." for count, what in told if count]
    for value, one in counts.by_value.items():
        if not one.pixels:
            why = "lie outside the scene"
            if one.outside < one.in_file:
                why = "lie outside, cover no pixel's centre or lie under others"
            notes.append(
                f"{source}: the class {cells.names.get(value, value)} got no pixel: its features "
                f"{why}."
            )
    return tuple(notes)


def _class_column(layer: FeatureLayer, column: str | None) -> str:
    """`column`, or a column by a name known for classes, or the only one that could hold them."""
    fields = list(layer.columns)
    by_lower = {field.lower(): field for field in reversed(fields)}
    for name in CLASS_COLUMNS if column is None else (column,):
        if name in fields:
            return name
        if name.lower() in by_lower:
            return by_lower[name.lower()]
    suitable = [
        field
        for field, dtype in zip(fields, layer.dtypes, strict=True)
        if dtype.startswith(("object", "str", "int", "uint"))
    ]
    if not suitable and len(fields) == 1:
        suitable = fields  # some formats keep whole numbers as ones with decimals
    if column is None and len(suitable) == 1:
        return suitable[0]
    listed = ", ".join(fields[:SHOWN]) + (" ..." if len(fields) > SHOWN else "")
    has = f"the columns {listed}" if fields else "no columns"
    wanted = f"none is called '{column}'" if column else "none is surely that of the classes"
    raise InputError(f"{layer.source} has {has}, and {wanted}: name the right one with --column.")
