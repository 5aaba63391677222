"""The picture of a scene: true or false colour, any bands, or its principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectile.data.quicklook import color_bands
from spectile.data.scene import Scene
from spectile.data.scene_sample import sample_spectra
from spectile.viewing.thinning import Grid, Thinned

TRUE_COLOR = (650.0, 550.0, 450.0)
FALSE_COLOR = (850.0, 650.0, 550.0)
"""Nanometres that are shown as red, green and blue: colour infrared, in which plants are red."""
NEAR = 60.0
"""Nanometres within which a band stands for one of these."""
KEPT = 12
"""Choices of which that view is kept, of 6 MB each at most."""
COMPONENTS = 6
SAMPLE = 4000
"""Pixels that components are fitted on."""
CUT = (2.0, 98.0)
"""Percentiles that become black and full colour."""
WHOLE = 512
"""Edge in pixels of the view of the whole scene, of which percentiles are taken."""

Kind = Literal["true", "false", "bands", "components"]


@dataclass(frozen=True)
class Choice:
    """What is shown as red, green and blue: three bands or three components, from 0."""

    kind: Kind
    channels: tuple[int, int, int]


class Picture:
    """A scene in three colours, each stretched between two percentiles of the whole scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.thinned = Thinned(scene)
        self._wholes: dict[Choice, tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}

    @cached_property
    def good(self) -> NDArray[np.intp]:
        """The bands (from 0) that the file doesn't exclude."""
        return np.flatnonzero(self.scene.good_bands)

    @cached_property
    def kinds(self) -> dict[Kind, str]:
        """What there is to choose from, with what people call it."""
        kinds: dict[Kind, str] = {}
        if self._nearest(TRUE_COLOR) is not None:
            kinds["true"] = "True colour"
        if self._nearest(FALSE_COLOR) is not None:
            kinds["false"] = "Colour infrared"
        kinds["bands"] = "Any bands" if self.scene.bands > 1 else "The band"
        if len(self.good) > 3:
            kinds["components"] = "Components"
        return kinds

    def preset(self, kind: Kind) -> Choice:
        """What a kind shows at first."""
        if kind == "components":
            count = min(COMPONENTS, len(self.good))
            return Choice(kind, (0, min(1, count - 1), min(2, count - 1)))
        wanted = {"true": TRUE_COLOR, "false": FALSE_COLOR}.get(kind)
        found = None if wanted is None else self._nearest(wanted)
        return Choice(kind, color_bands(self.scene) if found is None else found)

    def rgba(self, choice: Choice, grid: Grid, cut: tuple[float, float] = CUT) -> NDArray[np.uint8]:
        """The pixels of a grid (h, w, 4); those without data are transparent."""
        return self._colored(*self._values(choice, grid), self._limits(choice, cut))

    def whole_grid(self, choice: Choice) -> Grid:
        """What is read to see all of the scene."""
        rows, columns = (0.0, float(self.scene.height)), (0.0, float(self.scene.width))
        return self.thinned.grid(rows, columns, most=WHOLE, bands=self.bands_read(choice))

    def whole(self, choice: Choice, cut: tuple[float, float] = CUT) -> NDArray[np.uint8]:
        """The pixels of that grid, which are read once."""
        return self._colored(*self._whole(choice), self._limits(choice, cut))

    def bands_read(self, choice: Choice) -> int:
        """How many bands of the file a choice takes."""
        return len(self.good) if choice.kind == "components" else len(set(choice.channels))

    def _limits(self, choice: Choice, cut: tuple[float, float]) -> list[tuple[float, float]]:
        """Of each channel, its values at two percentiles of the scene."""
        values, valid = self._whole(choice)
        if not valid.any():
            return [(0.0, 1.0)] * 3
        limits = np.percentile(values[:, valid], cut, axis=1).T
        return [(float(low), float(high)) for low, high in limits]

    def _whole(self, choice: Choice) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        if choice not in self._wholes:
            if len(self._wholes) >= KEPT:
                self._wholes.pop(next(iter(self._wholes)))
            self._wholes[choice] = self._values(choice, self.whole_grid(choice))
        return self._wholes[choice]

    @staticmethod
    def _colored(
        values: NDArray[np.float64], valid: NDArray[np.bool_], limits: list[tuple[float, float]]
    ) -> NDArray[np.uint8]:
        """Channels (3, h, w), each stretched between its limits, as colours (h, w, 4)."""
        shown = np.zeros((*valid.shape, 4), np.uint8)
        for channel, (low, high) in enumerate(limits):
            span = high - low
            share = np.full(valid.shape, 0.5)
            share[valid] = (values[channel][valid] - low) / span if span > 0 else 0.5
            shown[..., channel] = np.where(valid, np.clip(share, 0, 1) * 255, 0).round()
        shown[..., 3] = np.where(valid, 255, 0)
        return shown

    def _values(self, choice: Choice, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        if choice.kind == "components":
            pixels = self.thinned.read(grid, self.good.tolist())
            valid = self.scene.valid(pixels)
            values = np.zeros((3, *valid.shape))
            values[:, valid] = self._components.apply(pixels[:, valid], choice.channels)
            return values, valid
        bands = sorted(set(choice.channels))
        pixels = self.thinned.read(grid, bands)
        valid = self.scene.valid(pixels)
        values = pixels[[bands.index(band) for band in choice.channels]].astype(np.float64)
        return values, valid

    @cached_property
    def _components(self) -> _Components:
        spectra = sample_spectra(self.scene, self.good.tolist(), SAMPLE).astype(np.float64)
        return _Components.of(spectra, min(COMPONENTS, len(self.good)))

    def _nearest(self, wanted: Sequence[float]) -> tuple[int, int, int] | None:
        """The good bands nearest to three wavelengths; None where one has none near it."""
        if self.scene.wavelengths is None or not len(self.good):
            return None
        apart = np.abs(self.scene.wavelengths[self.good] - np.array(wanted)[:, None])
        if (apart.min(axis=1) > NEAR).any():
            return None
        red, green, blue = self.good[apart.argmin(axis=1)].tolist()
        return red, green, blue


@dataclass(frozen=True, eq=False)
class _Components:
    """Principal components of spectra."""

    mean: NDArray[np.float64]
    axes: NDArray[np.float64] = field(repr=False)
    """(components, bands)."""

    @classmethod
    def of(cls, spectra: NDArray[np.float64], count: int) -> _Components:
        """Those of spectra (N, bands); each looks to the side on which most of its weight is."""
        bands = spectra.shape[1]
        if len(spectra) < 2:
            return cls(np.zeros(bands), np.eye(count, bands))
        mean = spectra.mean(axis=0)
        _, _, axes = np.linalg.svd(spectra - mean, full_matrices=False)
        axes = axes[:count]
        signs = np.sign(axes.sum(axis=1, keepdims=True))
        axes = axes * np.where(signs == 0, 1, signs)
        missing = count - len(axes)
        return cls(mean, np.concatenate([axes, np.zeros((missing, bands))]) if missing else axes)

    def apply(self, spectra: NDArray[Any], channels: Sequence[int]) -> NDArray[np.float64]:
        """The components (channels, N) of spectra (bands, N)."""
        axes = self.axes[list(channels)]
        values: NDArray[np.float64] = axes @ spectra - (axes @ self.mean)[:, None]
        return values
