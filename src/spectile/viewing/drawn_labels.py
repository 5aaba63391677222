"""Labels that are drawn: polygons with classes, in a GeoPackage that `train scene` takes as it is.

The file is written anew, aside and then renamed, at every change: what was drawn is there whenever
the browser, or the machine, goes away. Beside it lies the legend, ``labels.csv`` for
``labels.gpkg``, from which numbers, names and colours of the classes are read with the labels.
"""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from spectile.data.labels.legend import BLACK, Category, is_legend_file, make_legend, read_legend
from spectile.data.labels.palette import Color, distinct_colors
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.files import Lock, check_ending, check_output, write_aside

COLUMN = "class"
_LAYER = "labels"
_SIGNED = "Written by spectile view."
FEWEST = 3
"""Corners of a polygon."""


@dataclass(frozen=True, eq=False)
class DrawnPolygon:
    """The outline of a piece of ground that is of one class."""

    columns: NDArray[np.float64]
    rows: NDArray[np.float64]
    """Corners in pixels from the upper left corner of the scene, (corners,); not closed."""
    value: int
    """Of its class."""


class DrawnLabels:
    """The polygons and classes of a file, which may be there already."""

    def __init__(self, path: Path, scene: Scene) -> None:
        """Raises InputError for a file that holds more than was drawn here: it would be lost."""
        self.path = path
        self._scene = scene
        self.classes: tuple[Category, ...] = ()
        self.polygons: tuple[DrawnPolygon, ...] = ()
        self._listeners: list[Callable[[], None]] = []
        self._lock: Lock | None = None
        check_ending(path, "drawn labels", (".gpkg",))
        if not path.parent.is_dir():
            raise InputError(f"{path.parent}, the folder for {path.name}, is no folder: make it.")
        check_output(path, ours=_is_ours, overwrite=True, inputs=(scene.source, *scene.files))
        check_output(self.legend_path, ours=is_legend_file, overwrite=True)
        if path.exists():
            self._hold()
            try:
                self._load()
            except BaseException:
                self.close()
                raise

    @property
    def legend_path(self) -> Path:
        """Where names and colours lie."""
        return self.path.with_suffix(".csv")

    def follow(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; gives what ends that."""
        self._listeners.append(listener)

        def end() -> None:
            with suppress(ValueError):
                self._listeners.remove(listener)

        return end

    def add_class(self, name: str, color: Color | None = None) -> Category:
        """A new class under the next number; InputError for a name that is taken, or none."""
        values = [category.value for category in self.classes]
        taken = tuple(category.color for category in self.classes)
        # As the first colours of a map would be, whatever stands before them.
        chosen = distinct_colors(1, taken)[0] if color is None else color
        added = Category(max(values, default=0) + 1, name.strip(), chosen)
        self._change((*self.classes, added), self.polygons)
        return added

    def change_class(
        self, value: int, *, name: str | None = None, color: Color | None = None
    ) -> None:
        """Rename a class, or give it another colour."""
        changed = tuple(
            replace(
                category,
                name=category.name if name is None else name.strip(),
                color=category.color if color is None else color,
            )
            if category.value == value
            else category
            for category in self.classes
        )
        self._change(changed, self.polygons)

    def draw(self, polygons: Sequence[DrawnPolygon]) -> None:
        """These are the polygons from now on; what isn't finished yet is left out."""
        known = {category.value for category in self.classes}
        kept = [
            whole
            for polygon in polygons
            if polygon.value in known and (whole := _without_repeats(polygon)) is not None
        ]
        self._change(self.classes, tuple(kept))

    def close(self) -> None:
        """Let another program write the file."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def frame(self) -> Any:
        """The polygons as a geopandas GeoDataFrame in the scene's coordinate system.

        Without one, in pixels: x counts columns and y rows, from the upper left corner and
        downwards negative, as QGIS shows such a scene.
        """
        import geopandas
        from shapely.geometry import Polygon

        transform = _pixels_to_ground(self._scene)
        names = {category.value: category.name for category in self.classes}
        shapes = [
            Polygon(_transformed(transform, polygon.columns, polygon.rows))
            for polygon in self.polygons
        ]
        return geopandas.GeoDataFrame(
            {COLUMN: np.array([names[polygon.value] for polygon in self.polygons], dtype=object)},
            geometry=shapes,
            crs=None if self._scene.crs is None else self._scene.crs.to_wkt(),
        )

    def _change(self, classes: tuple[Category, ...], polygons: tuple[DrawnPolygon, ...]) -> None:
        before = self.classes, self.polygons
        checked = make_legend(
            (category.value for category in classes),
            {category.value: category.name for category in classes},
            {category.value: category.color for category in classes},
        ).categories
        for wanted, made in zip(classes, checked, strict=True):
            if not wanted.name:
                raise InputError("a class needs a name: type one.")
            if wanted.name != made.name:
                raise InputError(f"there is a class {wanted.name} already: choose another name.")
            if wanted.color == BLACK:
                raise InputError("black stands for no data in maps: choose another colour.")
        self.classes, self.polygons = classes, polygons
        try:
            self._save()
        except BaseException:
            self.classes, self.polygons = before
            raise
        for listener in tuple(self._listeners):
            listener()

    def _hold(self) -> None:
        if self._lock is None:
            self._lock = Lock(self.path.with_name(f".{self.path.name}.lock"), self.path)

    def _save(self) -> None:
        """The legend first, so that no moment has polygons of a class without a name."""
        self._hold()
        with (
            write_aside(self.legend_path) as aside,
            aside.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["value", "name", "color"])
            for category in self.classes:
                color = "#{:02x}{:02x}{:02x}".format(*category.color)
                writer.writerow([category.value, category.name, color])
        import pyogrio

        with write_aside(self.path) as aside, warnings.catch_warnings():
            # A scene without a coordinate system has labels without one.
            warnings.filterwarnings("ignore", message="'crs' was not provided")
            pyogrio.write_dataframe(
                self.frame(),
                aside,
                layer=_LAYER,
                driver="GPKG",
                geometry_type="Polygon",
                layer_metadata={"DESCRIPTION": _SIGNED},
            )

    def _load(self) -> None:
        if not self.path.stat().st_size:
            return
        import pyogrio

        found = pyogrio.read_dataframe(self.path, layer=_LAYER)
        self._check_grid(found)
        known = read_legend(self.legend_path).categories if self.legend_path.exists() else ()
        names = {category.name: category.value for category in known}
        new = [name for name in dict.fromkeys(map(str, found[COLUMN])) if name not in names]
        self.classes = known
        for name in new:
            value = max(names.values(), default=0) + 1
            names[name] = value
            color = distinct_colors(1, tuple(one.color for one in self.classes))[0]
            self.classes = (*self.classes, Category(value, name, color))
        to_pixels = ~_pixels_to_ground(self._scene)
        polygons = []
        for name, shape in zip(found[COLUMN], found.geometry, strict=True):
            parts = getattr(shape, "geoms", [shape])
            for part in parts:
                corners = np.asarray(part.exterior.coords)[:-1, :2]
                points = _transformed(to_pixels, corners[:, 0], corners[:, 1])
                polygons.append(DrawnPolygon(points[:, 0], points[:, 1], names[str(name)]))
        self.polygons = tuple(polygons)

    def _check_grid(self, found: Any) -> None:
        """Raise InputError for polygons that can't be shown, or not be written as they were."""
        crs = None if self._scene.crs is None else self._scene.crs.to_wkt()
        if (found.crs is None) != (crs is None) or (crs is not None and found.crs != crs):
            raise InputError(
                f"{self.path} is in another coordinate system than {self._scene.source}: choose "
                "another --labels."
            )
        kinds = set(found.geom_type) - {"Polygon", "MultiPolygon"}
        parts = found.geometry.explode()
        holes = any(len(part.interiors) for part in parts if part.geom_type == "Polygon")
        if kinds or holes:
            what = "polygons with holes" if holes else f"a {kinds.pop()}"
            raise InputError(
                f"{self.path} holds {what}, which can't be drawn here and would be lost: choose "
                "another --labels."
            )


def labels_beside(scene: Scene, folder: Path | None = None) -> DrawnLabels:
    """The labels of a scene if nobody says where: in the working folder, called as the scene is.

    A file of somebody else's, of another place, or that another viewer has open is passed over.
    """
    stem = Path(scene.source).stem or "scene"
    folder = Path() if folder is None else folder
    for name in (f"{stem}_labels.gpkg", *(f"{stem}_labels-{n}.gpkg" for n in range(2, 100))):
        with suppress(InputError):
            return DrawnLabels(folder / name, scene)
    raise InputError(f"{folder} holds a hundred files of other labels: name another by --labels.")


def _is_ours(path: Path) -> bool:
    """Whether a GeoPackage holds what is written here, and nothing else."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        info = pyogrio.read_info(path, layer=_LAYER)
    except (DataSourceError, DataLayerError, ValueError):
        return False
    signed = (info.get("layer_metadata") or {}).get("DESCRIPTION") == _SIGNED
    return signed and layers == [_LAYER] and list(info["fields"]) == [COLUMN]


def _pixels_to_ground(scene: Scene) -> Affine:
    return Affine.scale(1, -1) if scene.transform is None else scene.transform


def _transformed(
    transform: Affine, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(points, 2)."""
    return np.stack(
        [
            transform.a * x + transform.b * y + transform.c,
            transform.d * x + transform.e * y + transform.f,
        ],
        axis=1,
    )


def _without_repeats(polygon: DrawnPolygon) -> DrawnPolygon | None:
    """The polygon without corners that lie on the one before; None with too few left."""
    points = np.stack([polygon.columns, polygon.rows], axis=1).astype(np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    if len(points):
        points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    if len(np.unique(points, axis=0)) < FEWEST:
        return None
    return DrawnPolygon(points[:, 0], points[:, 1], polygon.value)


def shown_path(path: Path) -> str:
    """A path as one types it from here."""
    with suppress(ValueError):
        return os.fspath(path.resolve().relative_to(Path.cwd()))
    return os.fspath(path)
