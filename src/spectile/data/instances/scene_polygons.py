"""A scene with polygons as tiles with objects, a side of the split each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window

from spectile.data.images.scene_tiles import SceneTiles, best_sides, even_tiles
from spectile.data.instances.instance_set import InstanceSet, check_instance_sides
from spectile.data.instances.objects import Objects
from spectile.data.labels.features import open_layer
from spectile.data.labels.geometry import place_features, single_parts, why_outside
from spectile.data.labels.legend import make_legend
from spectile.data.labels.vector_layers import SHOWN, FeatureLayer
from spectile.data.labels.vectors import check_placed, check_systems
from spectile.data.scene import Scene
from spectile.data.splits.stratified import check_shares
from spectile.errors import InputError

LEAST_PART = 0.5
"""Of an object that lies in several tiles, what one must hold of it to be asked for it."""


def instances_of_scene(
    scene: Scene,
    polygons: str | os.PathLike[str],
    *,
    column: str | None = None,
    tile: int = 128,
    train: float = 0.8,
    validation: float = 0.1,
    seed: int = 0,
) -> InstanceSet:
    """Cut a scene into even tiles of at most `tile` pixels a side, with the objects in each.

    An object is a polygon, or several that the file has as one, and the pixels whose centres it
    covers; `column` names its class. Sides are drawn as
    :func:`~spectile.data.images.scene_tiles.tiles_of` has them, by objects. An object is of the
    side that its centroid lies on, and ignored on all where it reaches into another. In tiles of
    one side each part is an object, and ignored if it is less than half of the whole. Tiles without
    an object are left out.

    Raises InputError for polygons that can't be placed on the scene, for none on it, and where
    fewer than two tiles hold any.
    """
    check_shares(train, validation)
    if tile < 1:
        raise InputError(f"tiles of {tile} pixels make no sense: choose 32 or more.")
    source = os.fspath(polygons)
    check_placed(scene, source)
    layer = open_layer(source, None, source)
    check_systems(layer, scene)
    drawn = _on_the_grid(layer, scene, column)
    windows = even_tiles(scene.height, scene.width, tile)
    parts = _parts(drawn, windows)
    held = sorted({part.tile for part in parts})
    if len(held) < 2:
        raise InputError(
            f"all objects of {source} lie in one tile of {tile} pixels: choose a smaller --tile, "
            "or give objects elsewhere, too."
        )
    place = {number: at for at, number in enumerate(held)}
    counts = np.zeros((len(held), len(drawn.names)), np.int64)
    for number, (x, y) in enumerate(drawn.centroids):
        at = _tile_at(windows, x, y)
        if at in place:
            counts[place[at], drawn.classes[number]] += 1
    sides = best_sides(counts, train, validation, seed)
    crossing = _across_sides(parts, place, sides)
    objects = [
        _objects(windows[number], [part for part in parts if part.tile == number], drawn, crossing)
        for number in held
    ]
    chosen = tuple(windows[number] for number in held)
    notes = list(drawn.notes)
    if len(held) < len(windows):
        notes.append(f"{len(windows) - len(held)} tiles without an object were left out.")
    found = InstanceSet(
        SceneTiles(scene, chosen),
        objects,
        sides,
        make_legend(range(1, len(drawn.names) + 1), dict(enumerate(drawn.names, 1))),
        "blocks",
        seed,
        tuple(notes),
        "No test tile shares a pixel with a training tile, and objects are found in each from its "
        f"own pixels alone; {len(crossing)} of {len(drawn.classes)} objects lie across a border "
        "between sides and count on none: this score measures how well the map generalises within "
        "the scene.",
    )
    check_instance_sides(found)
    return found


@dataclass(frozen=True)
class _Drawn:
    """The polygons on the scene, in its pixels."""

    geometries: Sequence[Any]
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    centroids: NDArray[np.float64]
    """Columns and rows, shape (N, 2)."""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """What of an object lies in a tile."""

    number: int
    tile: int
    left: int
    top: int
    mask: NDArray[np.bool_]
    share: float
    """Of the object's pixels."""


def _on_the_grid(layer: FeatureLayer, scene: Scene, column: str | None) -> _Drawn:
    assert scene.transform is not None
    classes = _class_names(layer, column)
    everything = classes is None or classes.index.has_duplicates
    placed = place_features(layer, scene, all_of_them=everything)
    named: Sequence[str | None] = ["object"] * len(placed.geometries)
    if classes is not None:
        known = classes.to_numpy() if everything else classes.reindex(placed.numbers).to_numpy()
        named = [None if pd.isna(name) else str(name) for name in known]
    told: Counter[str] = Counter()
    if classes is not None:
        told["outside"] += len(classes) - len(named)
    to_pixels = ~scene.transform
    frame = shapely.box(0, 0, scene.width, scene.height)
    geometries, names = [], []
    for name, geometry in zip(named, placed.geometries, strict=True):
        whole = None if geometry is None else _area(geometry, told)
        if name is None or whole is None:
            told["nameless" if whole is not None else "empty"] += 1
            continue
        own = shapely.transform(whole, partial(_through, to_pixels))
        if not own.intersects(frame):
            told["outside"] += 1
            continue
        told["beyond"] += not frame.contains(own)
        geometries.append(own)
        names.append(name)
    if not geometries:
        raise InputError(
            f"No polygon of {layer.source} with a class lies inside {scene.source}: "
            f"{why_outside(layer, scene)}."
        )
    legend = tuple(sorted(set(names)))
    centroids = np.array([(one.centroid.x, one.centroid.y) for one in geometries])
    return _Drawn(
        geometries,
        np.array([legend.index(name) for name in names], np.int64),
        legend,
        centroids,
        (*placed.notes, *_notes(layer, told)),
    )


def _through(transform: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (N, 2) in other coordinates."""
    matrix = np.array(transform).reshape(3, 3)
    moved: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def _class_names(layer: FeatureLayer, column: str | None) -> Any:
    """A pandas Series of the classes' names; None where no column was asked for."""
    if column is None:
        return None
    found = next((one for one in layer.columns if one.lower() == column.lower()), None)
    if found is None:
        listed = ", ".join(layer.columns[:SHOWN]) or "no columns"
        raise InputError(
            f"{layer.source} has the columns {listed}, and none is called {column}: name the right "
            "one with --column, or leave it out for objects of one class."
        )
    return layer.attributes(found)


def _area(geometry: Any, told: Counter[str]) -> Any:
    """What of a geometry covers ground, made valid; None where nothing does."""
    if not shapely.is_valid(geometry):
        told["invalid"] += 1
        geometry = shapely.make_valid(geometry)
    parts = [part for part in single_parts(geometry) if part.geom_type == "Polygon" and part.area]
    return shapely.union_all(parts) if parts else None


def _parts(drawn: _Drawn, windows: Sequence[Window]) -> list[_Part]:
    """The pixels of each object in each tile."""
    boxes = [
        shapely.box(w.col_off, w.row_off, w.col_off + w.width, w.row_off + w.height)
        for w in windows
    ]
    tree = shapely.STRtree(boxes)
    parts: list[_Part] = []
    for number, geometry in enumerate(drawn.geometries):
        own = []
        for tile in sorted(tree.query(geometry, predicate="intersects").tolist()):
            low = np.floor(geometry.bounds[:2]).astype(int)
            high = np.ceil(geometry.bounds[2:]).astype(int)
            left, top, right, bottom = (int(edge) for edge in boxes[tile].bounds)
            left, top = max(left, int(low[0])), max(top, int(low[1]))
            right, bottom = min(right, int(high[0])), min(bottom, int(high[1]))
            if right <= left or bottom <= top:
                continue
            mask = rasterize(
                [geometry],
                out_shape=(bottom - top, right - left),
                transform=Affine.translation(left, top),
                dtype="uint8",
            ).astype(np.bool_)
            if mask.any():
                own.append((tile, left, top, mask))
        whole = max(1, sum(int(mask.sum()) for *_, mask in own))
        # What lies beyond the scene is missing from its tiles as well.
        whole = max(whole, round(geometry.area))
        parts += [_Part(number, *each, int(each[3].sum()) / whole) for each in own]
    return parts


def _tile_at(windows: Sequence[Window], x: float, y: float) -> int | None:
    for number, window in enumerate(windows):
        if (
            window.col_off <= x < window.col_off + window.width
            and window.row_off <= y < window.row_off + window.height
        ):
            return number
    return None


def _across_sides(
    parts: Sequence[_Part], place: dict[int, int], sides: NDArray[np.uint8]
) -> frozenset[int]:
    """The objects of which tiles of several sides hold a part."""
    of: dict[int, set[int]] = {}
    for part in parts:
        of.setdefault(part.number, set()).add(int(sides[place[part.tile]]))
    return frozenset(number for number, held in of.items() if len(held) > 1)


def _objects(
    window: Window, parts: Sequence[_Part], drawn: _Drawn, crossing: frozenset[int]
) -> Objects:
    boxes, masks = [], []
    for part in parts:
        rows, columns = np.flatnonzero(part.mask.any(1)), np.flatnonzero(part.mask.any(0))
        top, left = part.top - window.row_off, part.left - window.col_off
        boxes.append((left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1))
        masks.append(part.mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return Objects(
        window.height,
        window.width,
        drawn.classes[[part.number for part in parts]],
        np.array(boxes, np.int64).reshape(len(parts), 4),
        masks,
        np.array([part.number in crossing or part.share < LEAST_PART for part in parts], np.bool_),
    )


def _notes(layer: FeatureLayer, told: Counter[str]) -> list[str]:
    said = (
        ("empty", "features cover no ground and were left out"),
        ("nameless", "polygons have no class and were left out"),
        ("invalid", "polygons cross themselves and were made valid"),
        ("outside", "polygons lie outside the scene and were left out"),
        ("beyond", "polygons reach beyond the scene and were cut there"),
    )
    notes = [f"{layer.source}: {told[what]} {how}." for what, how in said if told[what]]
    if layer.crs is None:
        notes.insert(0, f"{layer.source} names no coordinate system: taken to be in the scene's.")
    return notes
