"""From a tile of a scene to the pixels of its map, in this process or in another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from rasterio.windows import Window

from spectile.data.scene import UnreadableError, rows_and_columns
from spectile.errors import InputError
from spectile.mapping.area import Area
from spectile.mapping.compute import Compute
from spectile.mapping.layers.layer import Layer, compute_layers
from spectile.mapping.layers.registry import asked_for
from spectile.mapping.mapper import Mapper, mapper_for
from spectile.mapping.output.writer import MapPixels, refusals
from spectile.mapping.window_mapper import MapPart
from spectile.model.model import Model
from spectile.progress import Progress


class DoneTile(Protocol):
    """A tile that is done, in this process or in another."""

    @property
    def window(self) -> Window:
        """Which one."""
        ...

    @property
    def mapped(self) -> int:
        """How many of its pixels hold data."""
        ...

    @property
    def damage(self) -> tuple[UnreadableError, ...]:
        """What of it couldn't be read."""
        ...


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
    area: Area
    """What of the scene the map shows; a tile brings its wanted pixels itself, so without a mask.
    """
    compute: Compute
    keep_going: bool
    pixels: MapPixels
    path: Path
    """The map, for messages."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What every process has to see, for it writes there."""
        return tuple(raster.path for raster in self.pixels.rasters.values())

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What the map is made of; InputError where this process lacks the plugin of one."""
        # Sent by name: functions of a plugin may be such as can't be sent.
        return asked_for(self.pixels.rasters)

    def mapper(self) -> Mapper:
        """The model made ready for the scene."""
        return mapper_for(
            self.model,
            self.area.scene,
            self.compute,
            keep_going=self.keep_going,
            components=any(layer.needs_components for layer in self.layers),
        )

    def write(self, part: MapPart) -> WrittenTile:
        """Put a part into the map, with all of its layers."""
        window = self.area.in_map(part.window)
        values = compute_layers(self.layers, self.model, part)
        with refusals(self.path):
            self.pixels.write(window, values)
        return WrittenTile(window, int(np.count_nonzero(part.classes)), part.damage)


def follow(
    written: Iterable[DoneTile],
    windows: list[Window],
    due: list[Window],
    progress: Progress | None,
) -> tuple[UnreadableError, ...]:
    """Report on tiles as they come, and give what of the file couldn't be read.

    Raises InputError for a file of which nothing could be read.
    """
    total, left = (sum(w.height * w.width for w in some) for some in (windows, due))
    done, mapped = total - left, 0
    damage: dict[Window, UnreadableError] = {}
    if progress:
        progress(done, total)
    try:
        for tile in written:
            done += tile.window.height * tile.window.width
            mapped += tile.mapped
            damage |= {part.window: part for part in tile.damage}
            if progress:
                progress(done, total)
    except UnreadableError as error:
        raise InputError(
            f"{error.source} can't be read in {rows_and_columns(error.window)} ({error.reason}): "
            "map the rest with --keep-going, or fetch or export it again."
        ) from error
    if damage and not mapped and len(due) == len(windows):
        first = next(iter(damage.values()))
        raise InputError(
            f"nothing of {first.source} can be mapped, for it can't be read ({first.reason}): "
            "fetch or export it again."
        )
    return tuple(damage.values())
