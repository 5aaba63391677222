"""A picture with palette or alpha channel as the bands that it shows.

Scenes keep the bands that the file has. A model of images knows a palette as red, green and blue,
and what an alpha channel hides as missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from spectile.data.readers.gdal import open_dataset
from spectile.data.scene import Reader, Scene


@dataclass(frozen=True, eq=False)
class PaletteReader:
    """Red, green and blue of a band of palette indices; NaN in float32 where it has no data."""

    reader: Reader
    colors: NDArray[np.uint8]
    """Shape (values, 3)."""
    nodata: float | None

    @property
    def block(self) -> tuple[int, int]:
        """That of the file."""
        return self.reader.block

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` (0 red, 1 green, 2 blue)."""
        indices = self.reader.read(window, [0])[0]
        shown: NDArray[Any] = self.colors[indices][..., list(bands)].transpose(2, 0, 1)
        if self.nodata is None:
            return np.ascontiguousarray(shown)
        return np.where(indices == self.nodata, np.float32(np.nan), shown.astype(np.float32))

    def close(self) -> None:
        """Let go of the file."""
        self.reader.close()


@dataclass(frozen=True, eq=False)
class AlphaReader:
    """The other bands in float32, NaN where the band `alpha` hides them."""

    reader: Reader
    alpha: int
    nodata: float | None

    @property
    def block(self) -> tuple[int, int]:
        """That of the file."""
        return self.reader.block

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands`, which are counted without the alpha channel."""
        stored = [band + (band >= self.alpha) for band in bands]
        read = self.reader.read(window, [*stored, self.alpha])
        missing = np.broadcast_to(read[-1] == 0, read[:-1].shape)
        if self.nodata is not None:
            missing = missing | (read[:-1] == self.nodata)
        return np.where(missing, np.float32(np.nan), read[:-1].astype(np.float32))

    def close(self) -> None:
        """Let go of the file."""
        self.reader.close()


def image_bands(scene: Scene, bands: int) -> Scene:
    """`scene` with the `bands` bands that reading it as an image gives, where that is possible.

    A band of palette indices becomes red, green and blue, and an alpha channel beside `bands` bands
    says what is missing; any other scene stays as it is.
    """
    if scene.bands == bands or not scene.files:
        return scene
    dataset = open_dataset(scene.source)
    if dataset is None:
        return scene
    with dataset:
        kinds = dataset.colorinterp
        if dataset.count == 1 and bands == 3 and kinds[0] == ColorInterp.palette:
            colors = np.zeros((1 << 16, 3), np.uint8)
            for value, color in dataset.colormap(1).items():
                colors[value] = color[:3]
            kind = np.dtype(np.uint8 if scene.nodata is None else np.float32)
            return _shown(scene, bands, kind, PaletteReader(scene.reader, colors, scene.nodata))
        if dataset.count == scene.bands == bands + 1 and ColorInterp.alpha in kinds:
            reader = AlphaReader(scene.reader, kinds.index(ColorInterp.alpha), scene.nodata)
            return _shown(scene, bands, np.dtype(np.float32), reader)
    return scene


def _shown(scene: Scene, bands: int, dtype: np.dtype[Any], reader: Reader) -> Scene:
    return replace(
        scene,
        bands=bands,
        dtype=dtype,
        wavelengths=None,
        fwhm=None,
        good_bands=np.ones(bands, np.bool_),
        nodata=None,
        reader=reader,
    )
