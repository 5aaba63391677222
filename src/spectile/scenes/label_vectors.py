"""Labels from polygons, lines and points: GeoPackage, GeoJSON, Shapefile and their like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.features import rasterize

from spectile.errors import InputError
from spectile.scenes.label_values import CLASS_COLUMNS, LabelValues, NumberedCells, number_cells
from spectile.scenes.offline import check_local, vectors_asking_nobody
from spectile.scenes.projection import Box, project_box, scene_box
from spectile.scenes.scene import Scene

Shape = tuple[Any, int]
"""A geometry in the scene's coordinates and its class value."""


def read_label_vectors(
    path: str,
    like: Scene,
    *,
    layer: str | None = None,
    column: str | None = None,
    numbers: Mapping[str, int] | None = None,
) -> LabelValues:
    """Draw the features of a vector file onto the scene's grid.

    A polygon takes the pixels whose centre it covers, a line or point every pixel it touches;
    where features of different classes overlap, the later in the file wins and the pixels are
    counted. Features are brought into the scene's coordinate system; a file without one is taken
    to be in it already. Text classes get the `numbers` of a legend, or else are numbered by all
    features of the file, so that a number means the same on every scene. Raises InputError for a
    file that is no vector file, a scene without coordinate system, a class column that can't be
    found, and where nothing lies inside.
    """
    if like.crs is None or like.transform is None:
        raise InputError(
            f"{path} holds map coordinates but {like.source} has no coordinate system: "
            "give labels as a raster of the scene's size or as points with row, col, class."
        )
    info = describe_layer(path, layer)
    name = _class_column(path, info, column)
    attributes = read_features(path, info, columns=[name], read_geometry=False)
    classes = attributes[name]
    cells = number_cells(
        classes.astype(object).where(classes.notna(), None).tolist(),
        source=path,
        place=lambda at: f"feature {at + 1}",
        numbers=numbers,
    )
    shapes = _shapes_inside(path, info, attributes.index, cells.values, like)
    values = _draw(shapes, like)
    notes = _notes(path, info, shapes, values, like, cells)
    return LabelValues(values, names=cells.names, notes=notes)


def _notes(
    path: str,
    info: dict[str, Any],
    shapes: list[Shape],
    values: NDArray[np.int32],
    like: Scene,
    cells: NumberedCells,
) -> tuple[str, ...]:
    notes = []
    if info["crs"] is None:
        notes.append(f"{path} names no coordinate system: taken to be in the scene's.")
    if unclassed := int((cells.values == 0).sum()):
        notes.append(f"{path}: {unclassed} features have no class and were left out.")
    if contested := int((values != _draw(shapes[::-1], like)).sum()):
        notes.append(
            f"{path}: {contested} pixels lie under features of different classes: "
            "the last in the file won."
        )
    for value in sorted({value for _, value in shapes} - set(np.unique(values).tolist())):
        notes.append(
            f"{path}: the class {cells.names.get(value, value)} got no pixel: its features cover "
            "no pixel's centre or lie under others."
        )
    return tuple(notes)


def describe_layer(path: str, layer: str | None) -> dict[str, Any]:
    """What pyogrio says of a layer: its crs, fields, dtypes and layer_name."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    check_local(path, path)
    try:
        with vectors_asking_nobody(path):
            layers = [str(name) for name, _ in pyogrio.list_layers(path)]
            if not layers:
                raise InputError(f"{path} holds no layer of features.")
            if layer is None and len(layers) > 1:
                raise InputError(
                    f"{path} has the layers {', '.join(layers)}: choose one as {path}:{layers[0]}."
                )
            if layer is not None and layer not in layers:
                raise InputError(f"{path} has no layer '{layer}' but {', '.join(layers)}.")
            info: dict[str, Any] = pyogrio.read_info(path, layer=layer)
    except (DataSourceError, DataLayerError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _unreadable(path) from error
    return info


def read_features(path: str, info: dict[str, Any], **wanted: Any) -> Any:
    """The layer's features as a data frame, by their number in the file."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError
    from shapely.errors import ShapelyError

    try:
        with vectors_asking_nobody(path):
            return pyogrio.read_dataframe(
                path, layer=info["layer_name"], fid_as_index=True, **wanted
            )
    except (DataSourceError, DataLayerError, ShapelyError, ValueError) as error:
        raise _unreadable(path) from error


def _unreadable(path: str) -> InputError:
    return InputError(
        f"{path} can't be read as a vector file: check that it is a whole GeoPackage, GeoJSON or "
        "Shapefile."
    )


def _class_column(path: str, info: dict[str, Any], column: str | None) -> str:
    """`column`, or a column by a name known for classes, or the only one that could hold them."""
    fields = [str(field) for field in info["fields"]]
    by_lower = {field.lower(): field for field in reversed(fields)}
    for name in CLASS_COLUMNS if column is None else (column,):
        if name in fields:
            return name
        if name.lower() in by_lower:
            return by_lower[name.lower()]
    suitable = [
        field
        for field, dtype in zip(fields, info["dtypes"], strict=True)
        if str(dtype).startswith(("object", "int", "uint"))
    ]
    if column is None and len(suitable) == 1:
        return suitable[0]
    listed = f"the columns {', '.join(fields)}" if fields else "no columns"
    wanted = f"none is called '{column}'" if column else "none is surely that of the classes"
    raise InputError(f"{path} has {listed}, and {wanted}: name the right one with --column.")


def _shapes_inside(
    path: str, info: dict[str, Any], listed: Any, values: NDArray[np.int32], like: Scene
) -> list[Shape]:
    """The classed features that meet the scene, in the file's order and the scene's system.

    `listed` are the features' own numbers in the file's order, `values` their classes.
    """
    everything = listed.has_duplicates  # some drivers don't number features: no way to pick any
    extent = None if everything else extent_in_file(info["crs"], like, path)
    features = read_features(path, info, columns=[], bbox=extent)
    places = np.arange(len(features)) if everything else listed.get_indexer(features.index)
    order = np.argsort(places, kind="stable")
    features, values = features.iloc[order], values[places[order]]
    geometries = in_system_of(like, features, path)
    west, south, east, north = scene_box(like)
    shapes: list[Shape] = []
    for geometry, value in zip(geometries, values.tolist(), strict=True):
        if value == 0 or geometry is None or geometry.is_empty:
            continue
        left, bottom, right, top = geometry.bounds
        # A comparison with NaN or infinity, what a projection doesn't reach, is false.
        if left <= east and right >= west and bottom <= north and top >= south:
            shapes.extend((part, value) for part in single_parts(geometry))
    if not shapes:
        raise InputError(
            f"No feature of {path} with a class lies inside {like.source}: check that both cover "
            "the same place and that their coordinate systems are right."
        )
    return shapes


def single_parts(geometry: Any) -> Iterator[Any]:
    """The single polygons, lines and points of a geometry."""
    if hasattr(geometry, "geoms"):
        for part in geometry.geoms:
            yield from single_parts(part)
    else:
        yield geometry


def in_system_of(like: Scene, features: Any, path: str) -> Any:
    """The geometries of `features` in the scene's coordinate system."""
    from pyproj.exceptions import ProjError

    assert like.crs is not None
    try:
        wkt = like.crs.to_wkt()
        return (features.set_crs(wkt) if features.crs is None else features.to_crs(wkt)).geometry
    except (ProjError, CRSError) as error:
        raise InputError(
            f"{path} can't be brought into the coordinate system of {like.source}: "
            "reproject it first."
        ) from error


def extent_in_file(crs: str | None, like: Scene, path: str) -> Box | None:
    """The scene's box in the file's system with a margin; None if it doesn't reach there."""
    box: Box | None = scene_box(like)
    if crs is not None:
        assert like.crs is not None
        try:
            theirs = CRS.from_user_input(crs)
        except CRSError:
            return None  # what else this means is found out when the features are projected
        box = project_box(scene_box(like), like.crs, theirs, path)
    if box is None:
        return None
    west, south, east, north = box
    across, up = (east - west) / 50, (north - south) / 50
    return west - across, south - up, east + across, north + up


def _draw(shapes: Sequence[Shape], like: Scene) -> NDArray[np.int32]:
    """The class values of `shapes` on the scene's grid, the later over the earlier."""
    grid = np.zeros((like.height, like.width), dtype=np.int32)
    draw_shapes(shapes, grid, like.transform)
    return grid


def draw_shapes(shapes: Sequence[Shape], grid: NDArray[Any], transform: Affine | None) -> None:
    """Put the values of `shapes` into `grid` (H, W), whose place on the ground is `transform`."""
    for has_area, run in groupby(shapes, lambda shape: shape[0].geom_type == "Polygon"):
        rasterize(run, out=grid, transform=transform, all_touched=not has_area)
