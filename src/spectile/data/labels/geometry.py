"""Geometries brought from their own coordinate system onto a scene, across the date line too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.features import rasterize
from shapely.errors import GEOSException

from spectile.data.labels.vector_layers import FeatureLayer
from spectile.data.projection import Box, boxes_meet, project_box, scene_box
from spectile.data.scene import Scene
from spectile.errors import InputError

TURN = 360.0
STEPS = 64
"""An edge of a feature is projected in steps this many of which reach across the scene."""
STEP_DEGREES, MOST_STEPS = 0.25, 20_000
"""The step in degrees where the scene's extent is not known, and the most of one feature."""


@dataclass(frozen=True)
class Placed:
    """The features of a layer that may meet a scene, in the scene's coordinates."""

    numbers: Any
    """A pandas Index of the features' own numbers."""
    geometries: NDArray[Any]
    """One geometry each, None where there is none or the scene's system doesn't reach it."""
    notes: tuple[str, ...] = ()


def place_features(layer: FeatureLayer, like: Scene, *, all_of_them: bool = False) -> Placed:
    """The features of `layer` near the scene, or all, in the scene's coordinate system.

    Their edges are straight in the file's system, so long ones are projected in steps. An edge
    of more than 180 degrees goes the short way round, as one across the date line is meant; in a
    scene in degrees the features lie a turn of 360 further where that brings them into it, so
    that polygons cut at the date line (RFC 7946) meet again. Raises InputError for systems that
    have nothing in common.
    """
    import shapely

    theirs, ours = _system(layer.crs), like.crs
    extent = None if all_of_them else _extent(layer, theirs, like)
    features = layer.features(extent)
    geometries = np.asarray(features.geometry.values, dtype=object)
    notes = []
    turned = 0
    if theirs is not None and theirs.is_geographic:
        geometries, turned = _unwrapped(geometries)
    if theirs is not None and ours is not None and theirs != ours:
        geometries = _projected(geometries, layer, theirs, ours, extent)
        if ours.is_geographic:
            geometries, _ = _unwrapped(geometries)
    if ours is not None and ours.is_geographic and len(geometries):
        geometries = _turned_into(geometries, scene_box(like))
    if turned:
        notes.append(
            f"{layer.source}: {turned} features have an edge of more than 180 degrees, which was "
            "taken the short way round, across the date line."
        )
    lost = ~np.isfinite(shapely.bounds(geometries)).all(axis=1)
    geometries[lost] = None
    return Placed(features.index, geometries, tuple(notes))


def single_parts(geometry: Any) -> Iterator[Any]:
    """The single polygons, lines and points of a geometry."""
    if hasattr(geometry, "geoms"):
        for part in geometry.geoms:
            yield from single_parts(part)
    else:
        yield geometry


def why_outside(layer: FeatureLayer, like: Scene) -> str:
    """What to check where no feature lies inside the scene, from where they lie."""
    bounds, scene = layer.bounds(), scene_box(like)
    if bounds is None or not np.isfinite(bounds).all():
        return "check that both cover the same place and that their coordinate systems are right"
    west, south, east, north = bounds
    degrees = abs(west) <= TURN and abs(east) <= TURN and max(abs(south), abs(north)) <= 90
    projected = like.crs is not None and not like.crs.is_geographic
    if layer.crs is None and degrees and projected:
        return (
            "it names no coordinate system and its numbers look like degrees, so save it with its "
            "coordinate system (EPSG:4326)"
        )
    theirs = _system(layer.crs)
    box = scene
    if theirs is not None and like.crs is not None:
        box = project_box(scene, like.crs, theirs, layer.source) or scene
    if boxes_meet((south, west, north, east), box):
        return "it would, with x and y swapped, so swap them"
    return (
        f"the features lie at x {west:.8g} to {east:.8g} and y {south:.8g} to {north:.8g}, the "
        f"scene at x {box[0]:.8g} to {box[2]:.8g} and y {box[1]:.8g} to {box[3]:.8g}, so check "
        "their coordinate systems"
    )


def _system(crs: str | None) -> CRS | None:
    if crs is None:
        return None
    try:
        return CRS.from_user_input(crs)
    except CRSError:
        return CRS.from_wkt(crs)


def _extent(layer: FeatureLayer, theirs: CRS | None, like: Scene) -> Box | None:
    """The scene's box in the file's system with a margin; None where all have to be read."""
    box: Box | None = scene_box(like)
    if theirs is not None and like.crs is not None:
        box = project_box(scene_box(like), like.crs, theirs, layer.source)
    if box is None:
        return None
    west, south, east, north = box
    across, up = (east - west) / 50, (north - south) / 50
    box = west - across, south - up, east + across, north + up
    degrees = theirs is not None and theirs.is_geographic
    return None if degrees and _beyond_half_turn(box, layer.bounds()) else box


def _beyond_half_turn(box: Box, bounds: Box | None) -> bool:
    """Whether scene or features have longitudes that are written in two ways."""
    sides = (box[0], box[2], *(() if bounds is None else (bounds[0], bounds[2])))
    return any(abs(side) > TURN / 2 for side in sides)


def _unwrapped(geometries: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The same with edges of more than half a turn taken the short way, and how many had some."""
    import shapely

    bounds = shapely.bounds(geometries)
    with np.errstate(invalid="ignore"):
        wide = np.flatnonzero(bounds[:, 2] - bounds[:, 0] > TURN / 2)
    changed = 0
    found = geometries.copy()
    for at in wide.tolist():
        one = _short_way(geometries[at])
        if one is not geometries[at]:
            found[at] = one
            changed += 1
    return found, changed


def _short_way(geometry: Any) -> Any:
    import shapely

    kind = geometry.geom_type
    if hasattr(geometry, "geoms"):
        before = list(geometry.geoms)  # each look at geoms makes new objects
        parts = [_short_way(part) for part in before]
        same = all(new is old for new, old in zip(parts, before, strict=True))
        return geometry if same else shapely.GeometryCollection(parts)
    if kind == "Polygon":
        shell = _short_ring(geometry.exterior)
        if shell is None:
            return geometry
        holes = []
        for ring in geometry.interiors:
            hole = _short_ring(ring)
            hole = np.asarray(ring.coords)[:, :2] if hole is None else hole
            # A hole lies in its shell, whichever turn it is written in.
            turns = np.round((shell[:, 0].mean() - hole[:, 0].mean()) / TURN)
            holes.append(hole + np.array([TURN * turns, 0]))
        return shapely.Polygon(shell, holes)
    if kind in ("LineString", "LinearRing"):
        line = _short_ring(geometry)
        return geometry if line is None else shapely.LineString(line)
    return geometry


def _short_ring(ring: Any) -> NDArray[np.float64] | None:
    """The ring's coordinates (N, 2) with no jump; None where none is needed or none closes it."""
    coordinates = np.asarray(ring.coords, dtype=np.float64)[:, :2]
    steps = np.diff(coordinates[:, 0])
    # An edge of a whole turn, from -180 to 180, is the edge of a map of the world.
    jumps = (np.abs(steps) > TURN / 2) & (np.abs(steps) < TURN - 1e-6)
    if not jumps.any():
        return None
    turns = np.concatenate([[0.0], np.cumsum(np.where(jumps, -np.sign(steps), 0.0))])
    if ring.is_closed and turns[-1] != 0:
        return None  # it goes round a pole
    coordinates[:, 0] += TURN * turns
    return coordinates


def _turned_into(geometries: NDArray[Any], box: Box) -> NDArray[Any]:
    """Geometries in degrees with what of them lies in `box` a turn or two further."""
    import shapely

    west, _, east, _ = shapely.bounds(geometries).T
    found = geometries.copy()
    for at in range(len(geometries)):
        turns = [
            number
            for number in (-2, -1, 1, 2)
            if west[at] + TURN * number <= box[2] and east[at] + TURN * number >= box[0]
        ]
        if turns:
            near = [
                part
                for number in (0, *turns)
                for part in single_parts(_moved(geometries[at], TURN * number))
                if part.bounds[0] <= box[2] and part.bounds[2] >= box[0]
            ]
            found[at] = shapely.GeometryCollection(near) if near else geometries[at]
    return found


def _moved(geometry: Any, degrees: float) -> Any:
    import shapely

    return (
        shapely.transform(geometry, lambda xy: xy + np.array([degrees, 0])) if degrees else geometry
    )


def _projected(
    geometries: NDArray[Any], layer: FeatureLayer, theirs: CRS, ours: CRS, extent: Box | None
) -> NDArray[Any]:
    """The geometries in the scene's system, with steps along their edges."""
    import shapely

    try:
        transformer = Transformer.from_crs(theirs.to_wkt(), ours.to_wkt(), always_xy=True)
    except (ProjError, CRSError) as error:
        raise InputError(
            f"{layer.source} can't be brought into the coordinate system of the scene: "
            "reproject it first."
        ) from error

    def project(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(transformer.transform(xy[:, 0], xy[:, 1]), axis=1)

    step = STEP_DEGREES if theirs.is_geographic else None
    if extent is not None:
        step = max(extent[2] - extent[0], extent[3] - extent[1]) / STEPS
    plain = shapely.force_2d(geometries)
    if step is not None:
        plain = _in_steps(plain, step, extent)
    projected: NDArray[Any] = shapely.transform(plain, project)
    return projected


def _in_steps(geometries: NDArray[Any], step: float, extent: Box | None) -> NDArray[Any]:
    """The same with no edge longer than `step`; what is huge is cut to the `extent` first."""
    import shapely

    found = geometries.copy()
    lengths = shapely.length(geometries)
    long = (lengths > step) & (lengths <= MOST_STEPS * step)
    found[long] = shapely.segmentize(geometries[long], step)
    if extent is None:
        return found
    for at in np.flatnonzero(lengths > MOST_STEPS * step).tolist():
        try:
            # The cut is beyond the margin around the scene, nowhere near its pixels.
            near = geometries[at].intersection(shapely.box(*extent))
            found[at] = shapely.segmentize(near, step)
        except GEOSException:  # a ring that crosses itself has no intersection
            continue
    return found


def draw_shapes(
    shapes: Sequence[tuple[Any, int]], grid: NDArray[Any], transform: Affine | None
) -> None:
    """Put the values of `shapes` into `grid` (H, W), whose place on the ground is `transform`.

    A polygon takes the pixels whose centre it covers, a line or point every pixel it touches.
    """
    for has_area, run in groupby(shapes, lambda shape: shape[0].geom_type == "Polygon"):
        rasterize(run, out=grid, transform=transform, all_touched=not has_area)
