"""What the tasks on images share: their images read once, dealt to sides, and fitted on."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from spectile.data.images import ImageSet, ImageStore, PairSet
from spectile.data.instances.instance_set import InstanceSet
from spectile.data.scene import Scene
from spectile.data.splits.splits import TRAIN
from spectile.networks.registry import Takes
from spectile.tasks.base import Predicted, Prepared, Shown, Task, Work
from spectile.tasks.checks import check_image_settings
from spectile.tasks.images.config import ImageConfig
from spectile.tasks.images.sides import (
    SIDES,
    check_sides,
    fingerprints,
    on_side,
    readable,
    write_split_table,
)
from spectile.tasks.images.start import Start, network_options, started

Config = TypeVar("Config", bound=ImageConfig)
Images = TypeVar("Images", ImageSet, PairSet, InstanceSet)


@dataclass(frozen=True)
class OpenedImages(Generic[Images]):
    """Images, all decoded once."""

    images: Images
    """Their classes or masks, and which side each is on."""
    store: ImageStore
    seed: int
    """That the sides were drawn with."""
    edge: int | None
    """Of the squares that the network sees in training, in pixels; None where it sees all."""
    scene: Scene | None = None
    """That the images are tiles of."""


class TaskOnImages(Task[Config, OpenedImages[Images], Shown]):
    """A task on images."""

    takes: ClassVar[Takes]
    """What its networks do with images: classify them or their pixels, or find instances."""
    probe: ClassVar[int] = 64
    """Edge in pixels of an image to try a network on that takes any."""

    @abstractmethod
    def listed(self, config: Config) -> tuple[Images, Scene | None]:
        """The images by the sides that they are on, and the scene that they are tiles of."""

    def check(self, config: Config) -> None:
        options = network_options(config.recipe, self.square(config))
        check_image_settings(config, options, takes=self.takes)

    def square(self, config: Config) -> int | None:
        """Edge in pixels that the settings bring all images to; None where they leave it open."""
        return None

    def arguments(
        self, images: Images, material: OpenedImages[Images], config: Config
    ) -> dict[str, Any]:
        """The network's arguments, now that the images are known."""
        edge = material.edge if self.takes == "images" else None
        return network_options(config.recipe, edge)

    def ready(self, material: OpenedImages[Images], config: Config) -> tuple[Images, Start]:
        """The sides of one repeat, and its network with fresh weights or given ones."""
        # Which images are trained on may follow from the seed.
        images = material.images
        if config.seed != material.seed:
            images = self.listed(config)[0]
        store, scene = material.store, material.scene
        drawn = readable(images, store)
        start = started(
            config,
            self.arguments(drawn, material, config),
            on_side(drawn, store, TRAIN),
            len(drawn.legend),
            edge=material.edge or self.probe,
            takes=self.takes,
            good_bands=None if scene is None else scene.good_bands,
        )
        check_sides(drawn, store, start.preprocessing.bands)
        return drawn, start


@dataclass(frozen=True)
class PreparedImages(Prepared[Predicted, Shown], Generic[Predicted, Shown, Config, Images]):
    """One repeat on images: sides, preprocessing, network."""

    config: Config
    images: Images
    material: OpenedImages[Images]
    start: Start

    @property
    def store(self) -> ImageStore:
        """All images."""
        return self.material.store

    def on(self, side: int) -> ImageStore:
        """The images of one side."""
        return on_side(self.images, self.store, side)

    def truths(self) -> Sequence[str] | None:
        """The class of each listed image; None where each pixel has its own."""
        return None

    def write_split(self, work: Work) -> None:
        names = [self.images.images.name(place) for place in range(len(self.images.sides))]
        sides = [SIDES[int(side)] for side in self.images.sides]
        truths = self.truths()
        header = ("image", "side") if truths is None else ("image", "class", "side")
        columns = (names, sides) if truths is None else (names, truths, sides)
        rows = list(zip(*columns, strict=True))
        pixels = fingerprints(self.images, self.store)
        write_split_table(work.folder, header, rows, pixels, resume=work.resume)

    def provenance(self) -> dict[str, Any]:
        """What the model file says of the images that it comes from."""
        train = self.on(TRAIN)
        return {
            "pixel_types": sorted({kind for kind in train.pixel_types if kind is not None}),
            "training_data_sha256": hashlib.sha256(b"".join(train.hashes)).hexdigest(),
        }
