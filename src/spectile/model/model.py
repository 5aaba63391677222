"""A trained model: a network with all that it needs to map a scene or to classify an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from spectile.data.image_bands import image_bands
from spectile.data.labels.legend import Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.scene import Scene
from spectile.data.scene_sample import BandStatistics
from spectile.errors import InputError
from spectile.model.applicability import Applicability
from spectile.model.band_matching import match_wavelengths
from spectile.model.build import NetworkSource
from spectile.model.smoothing import Smoothing
from spectile.model.trained_task import (
    ImageTask,
    InstanceTask,
    PixelTask,
    TrainedTask,
    WindowTask,
)
from spectile.ranges import SmoothRadius, check


@dataclass(frozen=True)
class Model:
    """A network, its preprocessing and its classes."""

    name: str
    """The network's name in the catalogue, or what a network of one's own is called."""
    options: Mapping[str, Any]
    """The arguments it was created with, besides bands and classes."""
    network: nn.Module
    trained_for: TrainedTask
    """The task, with what it alone needs: WindowTask(9), ImageTask(32), PixelTask(256)."""
    preprocessing: Preprocessing
    legend: Legend
    scene_bands: int
    """How many bands the training scene had, unused ones included."""
    wavelengths: NDArray[np.float64] | None
    """Centres of the used bands in nanometres, where the training scene told them."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Split, scores, versions, seed and hashes of the training data."""
    physical: bool = False
    """Whether it was fitted on what a scene's numbers stand for, scale applied, or on numbers."""
    medians: NDArray[np.float64] | None = None
    """Of the used bands in training; None where nobody noted them."""
    temperature: float = 1.0
    """What the probabilities of its maps are tempered by, last of all: see `with_temperature`."""
    own_network: bool = False
    """Whether the network isn't what the catalogue has under its name and options."""
    smoothing: Smoothing | None = None
    """Of a map's probabilities; None for models of other tasks and from before there was any."""
    applicability: Applicability | None = None
    """What of its training pixels it knows; None in files of earlier versions."""
    scene_statistics: BandStatistics | None = None
    """Of the used bands over the whole training scene; None in files of earlier versions."""
    aligned: bool = False
    """Whether it was brought to the light of one scene; not kept in its file."""

    @property
    def task(self) -> str:
        """What the network was trained for: scene, classify, segment, or a package's own."""
        return self.trained_for.name

    @property
    def window(self) -> int:
        """Edge in pixels of the square that the network was trained on.

        Of a scene model the one that decides a pixel; of a segment model that of the training
        crops; of a classify model that of the images, 1 where they are of any size.
        """
        return self.trained_for.trained_edge

    @property
    def image_edge(self) -> int | None:
        """Classify: edge in pixels of the images that the network was trained on; None for any."""
        return self.trained_for.edge if isinstance(self.trained_for, ImageTask) else None

    @property
    def mask_values(self) -> tuple[int, ...] | None:
        """Segment: the classes' numbers in the masks, where they differ from the legend's."""
        return self.trained_for.mask_values if isinstance(self.trained_for, PixelTask) else None

    @property
    def smooth(self) -> int:
        """The radius in pixels in which a map's probabilities are smoothed; 0: not at all."""
        return 0 if self.smoothing is None else self.smoothing.radius

    def smoothed(self, radius: int | None) -> Self:
        """The same model with another `radius` of smoothing in pixels; None leaves its own.

        Raises InputError for a radius out of range, and for a model that can't smooth.
        """
        if radius is None or radius == self.smooth:
            return self
        check("smooth", radius, SmoothRadius)
        if not isinstance(self.trained_for, WindowTask):
            raise InputError(
                f"{self.name} wasn't trained by `train scene`, whose maps alone are smoothed: "
                "leave out --smooth."
            )
        if self.smoothing is None:
            raise InputError(
                "the model's file has nothing to smooth by, for it was written before there was "
                "smoothing: train it anew, or leave out --smooth."
            )
        return replace(self, smoothing=replace(self.smoothing, radius=radius))

    def values_of(self, scene: Scene) -> Scene:
        """`scene` read as the training scene was: scaled, or by models of old in its numbers."""
        return scene if self.physical or scene.unscaled is None else scene.unscaled

    def for_scene(self, scene: Scene) -> Preprocessing:
        """The preprocessing with its bands looked up in `scene`.

        Bands are matched by wavelength where both sides tell them, else by their number. Raises
        InputError that says what differs.
        """
        bands = self.preprocessing.bands
        if self.wavelengths is not None and scene.wavelengths is not None:
            bands = match_wavelengths(scene, self.wavelengths, bands)
        elif scene.bands != self.scene_bands:
            raise InputError(
                f"{scene.source} has {scene.bands} bands, but the model was trained on "
                f"{self.scene_bands}: give a scene of the same sensor and product."
            )
        of_windows = isinstance(self.trained_for, WindowTask)
        if of_windows and min(scene.height, scene.width) < self.window:
            raise InputError(
                f"{scene.source} is {scene.height} x {scene.width} pixels, smaller than the "
                f"model's window of {self.window}: train with a smaller --window."
            )
        return Preprocessing(bands, self.preprocessing.reducer, self.preprocessing.padding)

    def as_trained(self, scene: Scene) -> Scene:
        """`scene` read as the images were that a model of pixels or objects was trained on.

        Palettes become colours, an alpha channel says what is missing; see
        :func:`spectile.data.image_bands.image_bands`. Other models take scenes as they are.
        """
        of_images = isinstance(self.trained_for, PixelTask | InstanceTask)
        return image_bands(scene, self.scene_bands) if of_images else scene

    def save(self, path: str | Path, network: NetworkSource | None = None) -> None:
        """Write the model file: see :func:`spectile.model.file.save`."""
        from spectile.model.file import save

        save(self, path, network)
