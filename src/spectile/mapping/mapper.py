"""A model made ready to map one scene, whatever kind of network it has."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Literal, Protocol

from rasterio.windows import Window

from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.compute import Compute, Method
from spectile.mapping.dense import NotShareableError
from spectile.mapping.pixels.pixel_mapper import PixelMapper
from spectile.mapping.smoothing.smoothing_mapper import SmoothingMapper
from spectile.mapping.window_mapper import MapPart, Tile, WindowMapper
from spectile.model.model import Model
from spectile.model.trained_task import ImageTask, InstanceTask, PixelTask, WindowTask

MethodUsed = Method | Literal["blended", "windows"]
"""How a scene was mapped; blended: a network of every pixel, in overlapping windows; windows: a
network of objects, in such."""


class Mapper(Protocol):
    """Maps the tiles of one scene."""

    @property
    def method(self) -> MethodUsed:
        """How it does that."""
        ...

    def with_pixels(self, scene: Scene) -> Mapper:
        """The same for `scene`, which differs in its pixels' values alone."""
        ...

    def tile_edge(self, memory: float) -> int:
        """What is said of the tiles' size in a map's job; InputError if `memory` is too little."""
        ...

    def gigabytes(self, edge: int) -> float:
        """What mapping takes, besides the program, with tiles of this `edge`."""
        ...

    def tiles(self, edge: int) -> Iterator[Window]:
        """The tiles of the whole scene."""
        ...

    def in_order(self, windows: Iterable[Window], cache: int) -> list[Window]:
        """Tiles, or what is wanted of each, in the order in which that takes least work.

        `cache` is that of :func:`spectile.mapping.tiles.swath`.
        """
        ...

    def groups(self, windows: Iterable[Window], cache: int) -> list[list[Window]]:
        """The same in groups, each of which is best mapped by one worker."""
        ...

    def parts(self, tiles: Iterable[Tile]) -> Generator[MapPart]:
        """What the network says of tile after tile, in their order."""
        ...


def mapper_for(
    model: Model,
    scene: Scene,
    compute: Compute,
    *,
    keep_going: bool = False,
    components: bool = False,
) -> Mapper:
    """The mapper for a model's task; with `components` its parts carry those of the pixels.

    Raises InputError if the scene's bands don't match the model's or if the model can't map, and
    NotShareableError if `method` is dense and can't be.
    """
    if isinstance(model.trained_for, ImageTask):
        raise InputError("the model classifies whole images: use spectile predict.")
    if isinstance(model.trained_for, WindowTask):
        kind = SmoothingMapper if model.smooth else WindowMapper
        return kind(model, scene, compute, keep_going=keep_going, components=components)
    if isinstance(model.trained_for, InstanceTask):
        raise InputError("the model finds objects: let the map end in .gpkg.")
    if not isinstance(model.trained_for, PixelTask):
        raise InputError(f"a model for the task {model.task} maps no scenes: give one that does.")
    if compute.method == "patches":
        raise InputError(
            f"{model.name} classifies all pixels of a window at once, never patch by patch: "
            "leave out the method."
        )
    return PixelMapper(model, scene, compute, keep_going=keep_going, components=components)


def mapper_or_patches(
    model: Model,
    scene: Scene,
    compute: Compute,
    *,
    keep_going: bool = False,
    components: bool = False,
) -> tuple[Mapper, str]:
    """As :func:`mapper_for`, but patch by patch where dense can't be, and the reason for that."""
    try:
        return mapper_for(model, scene, compute, keep_going=keep_going, components=components), ""
    except NotShareableError as error:
        patches = replace(compute, method="patches")
        mapper = mapper_for(model, scene, patches, keep_going=keep_going, components=components)
        return mapper, error.reason
