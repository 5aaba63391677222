"""The rasters that lie over a picture: labels, split, map, errors, probabilities and their like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.legend import Category
from spectile.viewing.thinning import Grid, Thinned

_LOOK = 256
"""Edge of the view by which the range of values is told."""
VALUE_PALETTE = "viridis"


class ViewLayer(ABC):
    """A raster on the scene's grid that is drawn over its picture."""

    def __init__(
        self,
        key: str,
        title: str,
        thinned: Thinned,
        *,
        choices: Sequence[str] = (),
        opacity: float = 1.0,
        shown: bool = False,
    ) -> None:
        self.key = key
        """What it is known by in the page: "map", "entropy"."""
        self.title = title
        self.thinned = thinned
        self.choices = tuple(choices)
        """What its bands are, where one is chosen, such as the class of a probability."""
        self.opacity = opacity
        """At first."""
        self.shown = shown
        """Whether it is there at first."""

    @abstractmethod
    def rgba(
        self, grid: Grid, *, choice: int = 0, hidden: Collection[str] = ()
    ) -> NDArray[np.uint8]:
        """The colours (h, w, 4) of a grid; classes that are `hidden` are transparent."""

    @abstractmethod
    def said(self, row: int, column: int, choice: int = 0) -> str | None:
        """What it says of one pixel, in words; None where it says nothing."""

    def key_entries(self) -> list[tuple[str, tuple[int, int, int]]]:
        """Names and colours that explain it, where these aren't the classes."""
        return []


class ClassLayer(ViewLayer):
    """A raster of numbers that stand for classes: a map, labels, the sides of a split."""

    def __init__(
        self,
        key: str,
        title: str,
        thinned: Thinned,
        categories: Sequence[Category],
        *,
        switched: bool = True,
        opacity: float = 1.0,
        shown: bool = False,
    ) -> None:
        """`switched`: whether the legend's switches act on it."""
        super().__init__(key, title, thinned, opacity=opacity, shown=shown)
        self.categories = tuple(categories)
        self.switched = switched
        self._name_of = {category.value: category.name for category in self.categories}

    def rgba(
        self, grid: Grid, *, choice: int = 0, hidden: Collection[str] = ()
    ) -> NDArray[np.uint8]:
        values = self.thinned.read(grid, [0])[0]
        colors = np.zeros((max(self._name_of, default=0) + 2, 4), np.uint8)
        for category in self.categories:
            if not self.switched or category.name not in hidden:
                colors[category.value] = (*category.color, 255)
        # What the legend doesn't know takes the last entry, which stays transparent.
        places = np.where((values >= 0) & (values < len(colors) - 1), values, len(colors) - 1)
        shown: NDArray[np.uint8] = colors[places.astype(np.intp)]
        return shown

    def value(self, row: int, column: int) -> int:
        """The number of one pixel."""
        return int(self.thinned.pixel(row, column)[0])

    def said(self, row: int, column: int, choice: int = 0) -> str | None:
        return self._name_of.get(self.value(row, column))

    def key_entries(self) -> list[tuple[str, tuple[int, int, int]]]:
        return [] if self.switched else [(one.name, one.color) for one in self.categories]


class ValueLayer(ViewLayer):
    """A raster of measurements: a probability, an entropy, a dissimilarity."""

    def rgba(
        self, grid: Grid, *, choice: int = 0, hidden: Collection[str] = ()
    ) -> NDArray[np.uint8]:
        values = self.thinned.read(grid, [choice])[0].astype(np.float64)
        low, high = self.limits
        known = np.isfinite(values)
        share = np.zeros(values.shape)
        share[known] = np.clip((values[known] - low) / ((high - low) or 1), 0, 1)
        shown = self._palette[(share * 255).astype(np.uint8)]
        shown[~known] = 0
        return shown

    def said(self, row: int, column: int, choice: int = 0) -> str | None:
        value = float(self.thinned.pixel(row, column, [choice])[0])
        return f"{value:.3g}" if np.isfinite(value) else None

    @cached_property
    def limits(self) -> tuple[float, float]:
        """What the ends of the palette stand for: 0 and 1 where all values lie between these."""
        raster = self.thinned.raster
        rows, columns = (0.0, float(raster.height)), (0.0, float(raster.width))
        grid = self.thinned.grid(rows, columns, most=_LOOK, bands=raster.bands)
        values = self.thinned.read(grid, range(raster.bands))
        values = values[np.isfinite(values)]
        if not values.size or (values.min() >= 0 and values.max() <= 1):
            return 0.0, 1.0
        low, high = np.percentile(values, (1, 99))
        return float(low), float(high)

    @cached_property
    def _palette(self) -> NDArray[np.uint8]:
        """(256, 4)."""
        from matplotlib import colormaps  # late: half a page is there without it

        colors: NDArray[np.uint8] = (colormaps[VALUE_PALETTE](np.arange(256)) * 255).astype(
            np.uint8
        )
        return colors


class ErrorLayer(ViewLayer):
    """Test pixels, by whether the map agrees with their label."""

    NAMES = ("right", "wrong")
    COLORS = ((0, 114, 178), (213, 94, 0))
    """As in the reports."""

    def __init__(self, mapped: ClassLayer, labels: ClassLayer, split: Thinned) -> None:
        super().__init__("errors", "Errors", mapped.thinned)
        self._mapped, self._labels, self._split = mapped, labels, split

    def rgba(
        self, grid: Grid, *, choice: int = 0, hidden: Collection[str] = ()
    ) -> NDArray[np.uint8]:
        from spectile.data.splits.splits import TEST  # late: a scene alone opens without

        mapped, truth, side = (
            raster.read(grid, [0])[0]
            for raster in (self._mapped.thinned, self._labels.thinned, self._split)
        )
        codes = np.where(side == TEST, np.where(mapped == truth, 1, 2), 0)
        shown: NDArray[np.uint8] = np.array(
            [(0, 0, 0, 0), *((*color, 255) for color in self.COLORS)], np.uint8
        )[codes]
        return shown

    def said(self, row: int, column: int, choice: int = 0) -> str | None:
        from spectile.data.splits.splits import TEST

        if int(self._split.pixel(row, column)[0]) != TEST:
            return None
        agrees = self._mapped.value(row, column) == self._labels.value(row, column)
        return self.NAMES[0] if agrees else self.NAMES[1]

    def key_entries(self) -> list[tuple[str, tuple[int, int, int]]]:
        return list(zip(self.NAMES, self.COLORS, strict=True))
