"""Images in, classes out: of whole images, or of all their pixels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.images import ImageFiles, load_images
from spectile.data.labels.legend import Legend
from spectile.data.readers.as_scene import as_scene
from spectile.data.readers.pixel_types import as_pixels, stored_type
from spectile.errors import InputError
from spectile.mapping.layers.classes import dtype as dtype_of
from spectile.model.model import Model
from spectile.model.trained_task import ImageTask, PixelTask, WindowTask
from spectile.tasks.images.classify_images import classify_images
from spectile.tasks.images.prediction import AT_ONCE, image_files, note_on_other_types
from spectile.tasks.images.segment_image import segment_image

if TYPE_CHECKING:
    import xarray as xr

    Image = str | Path | NDArray[Any] | xr.DataArray
    Images = Image | Sequence[Image]


@dataclass(frozen=True, eq=False)
class PredictedClasses:
    """The classes of N images, as a model of K classes sees them."""

    names: tuple[str, ...] = field(repr=False)
    """The images' paths; of arrays "image 1" and so on."""
    probabilities: NDArray[np.float32] = field(repr=False)
    """(N, K) in the order of the legend."""
    legend: Legend = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each image's most probable class."""
        return tuple(self.legend.names[index] for index in self.probabilities.argmax(axis=1))

    def table(self) -> dict[str, Any]:
        """Columns of N entries, as predictions.csv has them: ``pandas.DataFrame(result.table())``.

        The image, its class, the probability of that class, and those of all classes by name.
        """
        return {
            "image": list(self.names),
            "class": list(self.classes),
            "probability": self.probabilities.max(axis=1),
            **dict(zip(self.legend.names, self.probabilities.T, strict=True)),
        }


def predict(
    model: Model, images: Images, *, bands_last: bool | None, memory: float, device: str
) -> PredictedClasses | NDArray[np.integer] | list[NDArray[np.integer]]:
    """What :meth:`spectile.Model.predict` says."""
    if isinstance(model.trained_for, WindowTask):
        raise InputError("the model maps scenes pixel by pixel: use its method map.")
    if not isinstance(model.trained_for, ImageTask | PixelTask):
        raise InputError(f"the model is for the task {model.task}: give one of images.")
    source = GivenImages.of(images, model.scene_bands, bands_last)
    if isinstance(model.trained_for, ImageTask):
        return _classes(model, source, memory, device)
    found = _label_arrays(model, source, memory, device)
    return found[0] if source.single else found


@dataclass(frozen=True, eq=False)
class GivenImages:
    """Image files and arrays in the order in which they were given."""

    images: tuple[Any, ...]
    """Paths, arrays and DataArrays."""
    bands: int
    """What the model expects."""
    bands_last: bool | None
    single: bool
    """Whether one image was given by itself."""

    @classmethod
    def of(cls, images: Images, bands: int, bands_last: bool | None) -> GivenImages:
        """What stands behind whatever the user gives; InputError where there is no image."""
        several = isinstance(images, list | tuple)
        given: Sequence[Any] = images if isinstance(images, list | tuple) else [images]
        found: list[Any] = []
        for image in given:
            found += image_files([Path(image)]) if isinstance(image, str | Path) else [image]
        if not found:
            raise InputError("there is no image in the list: give paths, folders or arrays.")
        folder = isinstance(images, str | Path) and Path(images).is_dir()
        return cls(tuple(found), bands, bands_last, not several and not folder)

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        """Its path, or the number of an array."""
        image = self.images[index]
        return str(image) if isinstance(image, Path) else f"image {index + 1}"

    def read(self, index: int) -> NDArray[Any]:
        """The pixels (bands, H, W), NaN where missing; UnreadableImageError where damaged."""
        image = self.images[index]
        if isinstance(image, Path):
            return ImageFiles((image,), self.bands_last is not False, bands=self.bands).read(0)
        if isinstance(image, np.ndarray) and image.ndim == 2:
            image = image[None]
        scene = as_scene(image, self.bands, self.bands_last)
        whole = Window(0, 0, scene.width, scene.height)
        return as_pixels(scene.read(whole, tuple(range(scene.bands))))


def _classes(model: Model, source: GivenImages, memory: float, device: str) -> PredictedClasses:
    probabilities: list[NDArray[np.float32]] = []
    types: list[str | None] = []
    for first in range(0, len(source), AT_ONCE):
        store = load_images(
            source,
            range(first, min(first + AT_ONCE, len(source))),
            memory=memory,
            shorter=model.image_edge,
        )
        types += store.pixel_types
        for place, name in enumerate(store.names):
            if not np.isfinite(store.image(place)).any():
                raise InputError(f"{name} holds no data: leave it out.")
        probabilities.append(classify_images(model, store, device=device))
    _warn_of_types(model, types)
    names = tuple(map(source.name, range(len(source))))
    return PredictedClasses(names, np.concatenate(probabilities), model.legend)


def _label_arrays(
    model: Model, source: GivenImages, memory: float, device: str
) -> list[NDArray[np.integer]]:
    values: NDArray[np.integer] = np.array([0, *model.legend.values], dtype_of(model.legend))
    found = []
    types: list[str | None] = []
    for index in range(len(source)):
        image = source.read(index)
        types.append(stored_type(image))
        indices = segment_image(model, image, source.name(index), memory=memory, device=device)
        found.append(values[indices])
    _warn_of_types(model, types)
    return found


def _warn_of_types(model: Model, types: Sequence[str | None]) -> None:
    """Past Model.predict, to the line that asked."""
    for note in note_on_other_types(model, types):
        warnings.warn(note, stacklevel=5)
