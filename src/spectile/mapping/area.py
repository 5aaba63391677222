"""What of a scene is mapped: all of it, a region, pixels under a mask; and in which tiles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from affine import Affine
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from spectile.data.mask import Mask
from spectile.data.scene import Scene, rows_and_columns
from spectile.errors import InputError
from spectile.mapping.tiles import around, intersection
from spectile.mapping.window_mapper import Tile


@dataclass(frozen=True)
class Area:
    """The part of a scene that a map shows, and the pixels in it that are wanted."""

    scene: Scene
    region: Window
    mask: Mask | None = None

    @classmethod
    def of(cls, scene: Scene, region: Window | None = None, mask: Mask | None = None) -> Area:
        """The `region` of a scene, all of it where there is none."""
        return cls(scene, region or Window(0, 0, scene.width, scene.height), mask)

    @property
    def transform(self) -> Affine | None:
        """Where the region lies on the ground."""
        if self.scene.transform is None:
            return None
        transform: Affine = window_transform(self.region, self.scene.transform)
        return transform

    def in_map(self, window: Window) -> Window:
        """A window of the scene, counted from the corner of the region."""
        return Window(
            window.col_off - self.region.col_off,
            window.row_off - self.region.row_off,
            window.width,
            window.height,
        )

    def windows(self, tiles: Iterable[Window]) -> tuple[list[Window], str | None]:
        """What is to be mapped of `tiles`, window by window, and a fingerprint of the mask.

        The tiles are those of the whole scene, the same for every region. Raises InputError if no
        pixel is wanted.
        """
        digest, found = hashlib.sha256(), []
        for tile in tiles:
            window = intersection(tile, self.region)
            if window is not None and self.mask is not None:
                wanted = self.mask.read(window)
                digest.update(np.packbits(wanted).tobytes())
                window = around(window, wanted)
            if window is not None:
                found.append(window)
        if not found:
            assert self.mask is not None
            raise InputError(
                f"{self.mask.source} picks no pixel in {rows_and_columns(self.region)} of "
                f"{self.scene.source}: check that it is the right mask."
            )
        return found, None if self.mask is None else digest.hexdigest()

    def tile(self, window: Window) -> Tile:
        """The window as a tile, with the wanted pixels in it."""
        return Tile(window, None if self.mask is None else self.mask.read(window))
