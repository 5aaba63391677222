"""Where pixels lie, in words: rows and columns, coordinates, hectares."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from spectile.data.describe import crs_name
from spectile.data.pixel_areas import row_hectares
from spectile.data.projection import is_placed
from spectile.data.scene import Scene


class Places:
    """The places of a scene's pixels."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def said(self, row: float, column: float) -> list[tuple[str, str]]:
        """What is told of a point (row and column with their fractions): a label, and a value.

        The pixel, counted from 1; its coordinates in the scene's system where it has one; longitude
        and latitude where that is another.
        """
        lines = [("pixel", f"row {int(row) + 1}, column {int(column) + 1}")]
        point = self.coordinates(row, column)
        if point is None:
            return lines
        x, y = point
        crs = self._scene.crs
        geographic = crs is not None and crs.is_geographic
        if geographic:
            lines.append(("longitude, latitude", f"{x:.6f}, {y:.6f}"))
        else:
            lines.append(("x, y", f"{x:,.1f}, {y:,.1f}".replace(",", " ").replace("  ", ", ")))
        if self._to_degrees is not None and not geographic:
            longitude, latitude = self._to_degrees.transform(x, y)
            if np.isfinite([longitude, latitude]).all():
                lines.append(("longitude, latitude", f"{longitude:.6f}, {latitude:.6f}"))
        return lines

    def coordinates(self, row: float, column: float) -> tuple[float, float] | None:
        """X and y of a point in the scene's own system; None without one."""
        if self._scene.transform is None:
            return None
        x, y = self._scene.transform @ (column, row)
        return float(x), float(y)

    @cached_property
    def system(self) -> str | None:
        """The name of the coordinate system."""
        return None if self._scene.crs is None else crs_name(self._scene.crs)

    @cached_property
    def hectares(self) -> NDArray[np.float64] | None:
        """The area of a pixel in each row (H,); None where nobody knows."""
        return row_hectares(self._scene)

    @cached_property
    def _to_degrees(self) -> Transformer | None:
        if not is_placed(self._scene) or self._scene.crs is None:
            return None
        try:
            crs = CRS.from_wkt(self._scene.crs.to_wkt())
            return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        except ProjError:
            return None


def area_in_words(amount: float, unit: str) -> str:
    """An area of a class, as people write it: "12.3 ha", "140 px"."""
    if unit == "hectares":
        if amount >= 1e4:
            return f"{amount / 100:,.0f} km²".replace(",", "\N{NARROW NO-BREAK SPACE}")
        return f"{amount:,.1f} ha".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{amount:,.0f} px".replace(",", "\N{NARROW NO-BREAK SPACE}")
