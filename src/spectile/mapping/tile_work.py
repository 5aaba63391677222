"""From a tile of a scene to the pixels of its map, in this process or in another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from spectile.data.scene import Scene, UnreadableError
from spectile.mapping.area import Area
from spectile.mapping.mapper import Mapper, mapper_for
from spectile.mapping.output.writer import MapPixels, refusals
from spectile.mapping.parts import (
    MapPart,
    Method,
    Precision,
    known_shares,
    normalised_entropy,
)
from spectile.model.model import Model


@dataclass(frozen=True)
class WrittenTile:
    """A tile whose pixels are in the map."""

    window: Window
    """Counted from the corner of the map."""
    mapped: int
    """Pixels that got a class."""
    damage: tuple[UnreadableError, ...]


@dataclass(frozen=True)
class TileWork:
    """What it takes to map any tile of a scene; can be sent to another process."""

    model: Model
    scene: Scene
    region: Window
    """What of the scene the map shows."""
    method: Method
    device: str
    precision: Precision
    keep_going: bool
    memory: float
    """What a process may use, in GB."""
    pixels: MapPixels
    path: Path
    """The map, for messages."""

    def mapper(self) -> Mapper:
        """The model made ready for the scene."""
        return mapper_for(
            self.model,
            self.scene,
            self.method,
            self.device,
            memory=self.memory,
            precision=self.precision,
            keep_going=self.keep_going,
        )

    def write(self, part: MapPart) -> WrittenTile:
        """Put a part into the map, with whatever shares and entropy that is made of."""
        kinds = self.pixels.rasters.keys()
        window = Area(self.scene, self.region).in_map(part.window)
        shares = known_shares(part, bool(kinds & {"probabilities", "entropy"}))
        with refusals(self.path):
            self.pixels.write(
                window,
                part.classes,
                shares if "probabilities" in kinds else None,
                normalised_entropy(shares) if "entropy" in kinds and shares is not None else None,
            )
        return WrittenTile(window, int(np.count_nonzero(part.classes)), part.damage)
