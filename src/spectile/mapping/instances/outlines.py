"""Objects as polygons along the edges of their pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes

from spectile.data.pixel_areas import HECTARE, row_hectares
from spectile.data.scene import Scene
from spectile.mapping.instances.joining import Joined, Key
from spectile.mapping.instances.pieces import Piece


@dataclass(frozen=True)
class FoundObject:
    """One object of a scene, once and whole."""

    key: Key
    """Its first piece."""
    number: int
    """Of its class, from 0."""
    score: float
    outline: Any
    """A shapely.MultiPolygon in columns and rows of the scene."""

    @property
    def pixels(self) -> int:
        """How many it has."""
        count: int = round(self.outline.area)
        return count


def whole_objects(pieces: Iterator[tuple[Key, Piece]], joined: Joined) -> Iterator[FoundObject]:
    """The objects that `pieces`, in ascending order, make up; each comes with its last piece."""
    waiting: dict[Key, list[Piece]] = {}
    for key, piece in pieces:
        if key in joined.dropped:
            continue
        head = joined.head.get(key)
        if head is None:
            yield FoundObject(key, piece.number, piece.score, outline(piece))
            continue
        waiting.setdefault(head, []).append(piece)
        if joined.last[head] == key:
            yield _put_together(head, waiting.pop(head))


def outline(piece: Piece) -> Any:
    """The pixels of a piece as a shapely.MultiPolygon, in columns and rows of the scene."""
    corner = Affine.translation(piece.box[0], piece.box[1])
    pixels = piece.mask.astype(np.uint8)
    # Pixels that touch at a corner alone are two polygons: one ring around both isn't valid.
    rings = [shape["coordinates"] for shape, _ in shapes(pixels, piece.mask, 4, corner)]
    return shapely.MultiPolygon([shapely.Polygon(outer, holes) for outer, *holes in rings])


def _put_together(key: Key, pieces: Sequence[Piece]) -> FoundObject:
    """One object of pieces; its class has most of the sure pixels, its score is that of those."""
    sure: dict[int, float] = {}
    pixels: dict[int, int] = {}
    for piece in pieces:
        sure[piece.number] = sure.get(piece.number, 0) + piece.score * piece.pixels
        pixels[piece.number] = pixels.get(piece.number, 0) + piece.pixels
    number = max(sorted(sure), key=lambda number: sure[number])
    # Corners are whole numbers, with which no rounding comes in; points along a side go.
    union = shapely.union_all([outline(piece) for piece in pieces]).simplify(0)
    parts = getattr(union, "geoms", [union])
    whole = shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])
    return FoundObject(key, number, sure[number] / pixels[number], whole)


@dataclass(frozen=True)
class Ground:
    """Where a scene's pixels lie, and how much of the Earth each covers."""

    transform: Affine | None
    row_areas: NDArray[np.float64] | None
    """Square metres of a pixel of each row; None where the scene doesn't lie on Earth."""

    @classmethod
    def of(cls, scene: Scene) -> Ground:
        """That of a scene."""
        hectares = row_hectares(scene)
        return cls(scene.transform, None if hectares is None else hectares * HECTARE)

    def area(self, found: FoundObject) -> float | None:
        """Square metres on the ellipsoid, by the pixels around the object's middle."""
        if self.row_areas is None:
            return None
        rows = np.arange(len(self.row_areas)) + 0.5
        return found.pixels * float(np.interp(found.outline.centroid.y, rows, self.row_areas))

    def placed(self, outlines: Sequence[Any]) -> NDArray[np.object_]:
        """Outlines in the scene's coordinates; in columns and rows where it has none."""
        array = np.array(outlines, np.object_)
        grid = self.transform
        if grid is None:
            return array

        def on_the_ground(points: NDArray[np.float64]) -> NDArray[np.float64]:
            column, row = points.T
            return np.stack(
                [grid.a * column + grid.b * row + grid.c, grid.d * column + grid.e * row + grid.f],
                axis=1,
            )

        placed: NDArray[np.object_] = shapely.transform(array, on_the_ground)
        return placed


def columns(
    found: Sequence[FoundObject], first: int, names: Sequence[str], ground: Ground
) -> Mapping[str, NDArray[Any]]:
    """What is told of objects beside their outlines, numbered from `first` on."""
    told: dict[str, NDArray[Any]] = {
        "number": np.arange(first, first + len(found), dtype=np.int64),
        "class": np.array([names[one.number] for one in found], np.object_),
        "score": np.array([one.score for one in found], np.float64),
        "pixels": np.array([one.pixels for one in found], np.int64),
    }
    if ground.row_areas is not None:
        told["area_m2"] = np.array([ground.area(one) for one in found], np.float64)
    return told
