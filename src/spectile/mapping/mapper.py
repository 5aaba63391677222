"""A model made ready to map one scene, whatever kind of network it has."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Literal, Protocol

import torch
from rasterio.windows import Window

from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.dense import NotShareableError
from spectile.mapping.parts import MapPart, Method, Precision, SceneClassifier, Tile
from spectile.mapping.pixels.segmenter import SceneSegmenter
from spectile.model.model import Model
from spectile.ranges import Gigabytes, check

MethodUsed = Method | Literal["blended"]
"""How a scene was mapped; blended: a network of every pixel, in overlapping windows."""


class Mapper(Protocol):
    """Maps the tiles of one scene."""

    @property
    def method(self) -> MethodUsed:
        """How it does that."""
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
    method: Method = "dense",
    device: str | torch.device = "cpu",
    *,
    memory: float = 1.0,
    precision: Precision = "float32",
    keep_going: bool = False,
) -> Mapper:
    """The mapper for a model's task; `memory` in GB is what it may use.

    Raises InputError if the scene's bands don't match the model's or if the model can't map, and
    NotShareableError if `method` is dense and can't be.
    """
    check("memory", memory, Gigabytes)
    check("method", method, Method)
    check("precision", precision, Precision)
    if model.task == "classify":
        raise InputError("the model classifies whole images: use spectile predict.")
    if model.task == "scene":
        return SceneClassifier(
            model, scene, method, device, precision=precision, keep_going=keep_going
        )
    if method == "patches":
        raise InputError(
            f"{model.name} classifies all pixels of a window at once, never patch by patch: "
            "leave out the method."
        )
    return SceneSegmenter(
        model, scene, device, memory=memory, precision=precision, keep_going=keep_going
    )


def mapper_or_patches(
    model: Model,
    scene: Scene,
    method: Method,
    device: str | torch.device,
    *,
    memory: float,
    precision: Precision,
    keep_going: bool,
) -> tuple[Mapper, str]:
    """As :func:`mapper_for`, but patch by patch where dense can't be, and the reason for that."""

    def ready(method: Method) -> Mapper:
        return mapper_for(
            model,
            scene,
            method,
            device,
            memory=memory,
            precision=precision,
            keep_going=keep_going,
        )

    try:
        return ready(method), ""
    except NotShareableError as error:
        return ready("patches"), str(error)
