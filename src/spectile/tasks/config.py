"""The configuration of a run: what config.yaml holds, enough to run it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from spectile.data.preprocessing.components import Padding
from spectile.errors import InputError
from spectile.files import write_aside
from spectile.ranges import (
    Count,
    CountOrNone,
    Gigabytes,
    GigabytesOrNone,
    MaskNumber,
    Seed,
    Share,
    Threads,
    TileEdge,
    TrainShare,
    wrong,
)
from spectile.tasks.yaml_file import read_yaml
from spectile.training.image_recipes import ClassifyRecipe, ImageRecipe, SegmentRecipe
from spectile.training.recipes import RECIPES, Recipe


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitConfig(_Section):
    """How labelled pixels are told apart into training, validation and test."""

    kind: Literal["blocks", "random", "file"] = "blocks"
    train: TrainShare | None = None
    """Share of the labelled pixels (random: of each class) on the training side."""
    validation: Share = 0.1
    """Share of the training side that chooses the checkpoint."""
    guard: CountOrNone | None = None
    """Pixels kept free between training and test; None: so many that no windows overlap."""
    block: Count | None = None
    """Edge of a block in pixels; None: searched."""
    files: tuple[str, ...] = ()
    """One raster of 0 to 3, or one of training and one of test labels."""


class HardwareConfig(_Section):
    """Where to compute; the words are Lightning's."""

    accelerator: str = "auto"
    devices: Threads = 1
    precision: str = "auto"
    threads: Threads | None = None
    """CPU threads; None: as many as PyTorch chooses."""


class MapConfig(_Section):
    """How the scene is mapped."""

    method: Literal["dense", "patches"] = "dense"
    memory: Gigabytes = 1.0
    """GB that one part of the scene may take."""
    probabilities: bool = False
    entropy: bool = False


class RunConfig(_Section):
    """What the runs of all tasks have in common."""

    hardware: HardwareConfig = HardwareConfig()
    seed: Seed = 0
    repeats: Count = 1

    def placed(self) -> Self:
        """The same with the paths of what is there made absolute, so that they work anywhere."""
        changed: dict[str, Any] = {
            name: _absolute(value)
            for name in PATHS
            if (value := getattr(self, name, None)) is not None
        }
        split = getattr(self, "split", None)
        if isinstance(split, SplitConfig):
            files = tuple(_absolute(file) for file in split.files)
            changed["split"] = split.model_copy(update={"files": files})
        return self.model_copy(update=changed)

    def write(self, path: Path) -> None:
        """Write config.yaml."""
        with write_aside(path) as aside:
            text = yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True)
            # Bytes of a file name that are no text stand as YAML's own escapes.
            aside.write_bytes(text.encode())

    def as_dict(self) -> dict[str, Any]:
        """Plain values, nested as in config.yaml."""
        return self.model_dump(mode="json")


class SceneConfig(RunConfig):
    """One run of `spectile train scene`."""

    task: Literal["scene"] = "scene"
    scene: str
    """A path, or the name of a known scene."""
    labels: str | None = None
    """A path; a known scene has its own."""
    bands_last: bool | None = None
    """Axis of the bands in arrays; None: as the file says, else the last."""
    column: str | None = None
    """The class column of vector labels."""
    legend: str | None = None
    """A CSV of value, name, color."""
    bands: str | None = None
    """Bands to use, counted from 1, as in 1-103,109-149; None: all that are good."""
    fit_on: Literal["train", "scene"] = "train"
    """Pixels that the reducer is fitted on; "scene" leaks, as in the literature."""
    padding: Padding = "reflect"
    recipe: Recipe = RECIPES["best"]
    split: SplitConfig = SplitConfig()
    map: MapConfig = MapConfig()


class ImageSplitConfig(_Section):
    """How images are told apart where they don't come in train, validation and test."""

    order: Literal["order", "random"] = "order"
    """Of images with masks. order: neighbouring names stay together; random: drawn."""
    train: TrainShare = 0.8
    """Share on the training side."""
    validation: Share = 0.1
    """Share of the training side that chooses the checkpoint."""


class ImageConfig(RunConfig):
    """What the runs on images have in common."""

    legend: str | None = None
    """A CSV of value, name, color."""
    bands: str | None = None
    """Bands to use, counted from 1, as in 1-103,109-149; None: all that hold data."""
    bands_last: bool = True
    """Axis of the bands in .npy arrays."""
    weights: str | None = None
    """A file of weights to start from."""
    weights_from: Literal["timm", "torchvision", "spectile"] = "spectile"
    memory: GigabytesOrNone = 2.0
    """GB of decoded images that are kept; what is beyond is read again in every epoch."""
    workers: CountOrNone | None = None
    """Processes that prepare batches; None: as many as it takes where not all is kept."""
    skip_bad: bool = False
    """Leave out images that can't be read."""
    tensorboard: bool = False
    """Write TensorBoard's logs as well."""
    split: ImageSplitConfig = ImageSplitConfig()
    recipe: ImageRecipe


class ClassifyConfig(ImageConfig):
    """One run of `spectile train classify`."""

    task: Literal["classify"] = "classify"
    images: str
    """Class folders, a CSV of path and label, or CIFAR-10's batches."""
    recipe: ClassifyRecipe = ClassifyRecipe()


class SegmentConfig(ImageConfig):
    """One run of `spectile train segment`."""

    task: Literal["segment"] = "segment"
    images: str | None = None
    """A folder, or a CSV of image and mask."""
    masks: str | None = None
    """A folder of masks with the images' names."""
    scene: str | None = None
    """Instead of images: one scene, which is cut into tiles."""
    labels: str | None = None
    """The scene's labels: raster, polygons or points."""
    column: str | None = None
    """The class column of vector labels."""
    tile: TileEdge = 128
    """Edge of the scene's tiles in pixels."""
    ignore: tuple[MaskNumber, ...] | None = None
    """Numbers in masks that stand for no class, besides 255."""
    recipe: SegmentRecipe = SegmentRecipe()


PATHS = ("scene", "labels", "images", "masks", "legend", "weights")
"""Settings that name files or folders."""


def _absolute(text: str) -> str:
    """An existing path, perhaps with ":part" after it, as an absolute one; anything else as it is.

    Known scenes and what only GDAL can look behind have names, no paths.
    """
    if Path(text).exists():
        return str(Path(text).absolute())
    file, colon, part = text.rpartition(":")
    return f"{Path(file).absolute()}:{part}" if colon and Path(file).is_file() else text


Config = TypeVar("Config", bound=RunConfig)


def read_config(path: str | Path, kind: type[Config]) -> Config:
    """Read a run's config.yaml; raises InputError that names the first wrong entry."""
    document = read_yaml(path)
    return parse_config(document, str(path), kind)


def parse_config(document: Any, source: str, kind: type[Config]) -> Config:
    """Check plain values; `source` is named in the InputError for a wrong one."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InputError(f"{source}: {wrong(place, first)}; correct it and try again.") from error
