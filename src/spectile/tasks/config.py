"""The configuration of a run: what config.yaml holds, enough to run it again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from spectile.choices import Padding
from spectile.errors import InputError
from spectile.fields import STRICT, about
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
from spectile.training.image_recipes import ClassifyRecipe, ImageRecipe, SegmentRecipe
from spectile.training.recipes import RECIPES, Recipe

Validation = Annotated[
    Share, about("split", "Share of the training side that chooses the checkpoint.")
]
Legend = Annotated[str | None, about("data", "A CSV of value, name and color of each class.")]
Column = Annotated[str | None, about("data", "The class column of vector labels.", first=True)]


class _Section(BaseModel):
    model_config = STRICT


class SplitConfig(_Section):
    """How labelled pixels are told apart into training, validation and test."""

    kind: Annotated[
        Literal["blocks", "random", "file"],
        about(
            "split", "How pixels are split; file: as --split-file says.", first=True, name="split"
        ),
    ] = "blocks"
    train: Annotated[
        TrainShare | None,
        about(
            "split",
            "Share of the labelled pixels (random: of each class) on the training side.",
            first=True,
        ),
    ] = None
    validation: Validation = 0.1
    guard: Annotated[
        CountOrNone | None,
        about(
            "split",
            "Pixels kept free between training and test; by default so many that no windows "
            "overlap.",
        ),
    ] = None
    block: Annotated[
        Count | None, about("split", "Edge of a block in pixels; by default searched.")
    ] = None
    files: Annotated[
        tuple[str, ...],
        about(
            "split",
            "A raster of 0 none, 1 train, 2 validation, 3 test; or twice: train and test labels.",
            name="split_file",
        ),
    ] = ()


class HardwareConfig(_Section):
    """Where to compute; the words are Lightning's."""

    accelerator: Annotated[str, about("hardware", "auto, cpu or gpu.")] = "auto"
    devices: Annotated[Threads, about("hardware", "How many devices fit together, by DDP.")] = 1
    precision: Annotated[
        str, about("hardware", "Numbers of the fit: auto, 32-true or bf16-mixed.")
    ] = "auto"
    threads: Annotated[
        Threads | None,
        about("hardware", "CPU threads; by default as many as PyTorch chooses."),
    ] = None


class MapConfig(_Section):
    """How the scene is mapped."""

    method: Annotated[
        Literal["dense", "patches"],
        about("mapping", "dense: shared work once, the same numbers; patches: window by window."),
    ] = "dense"
    memory: Annotated[
        Gigabytes, about("mapping", "GB of memory that one part of the map may take.")
    ] = 1.0
    probabilities: Annotated[
        bool, about("mapping", "Write the probability of each class beside the map.")
    ] = False
    entropy: Annotated[bool, about("mapping", "Write the uncertainty (0 to 1) beside the map.")] = (
        False
    )


class RunConfig(_Section):
    """What the runs of all tasks have in common."""

    hardware: HardwareConfig = HardwareConfig()
    seed: Annotated[Seed, about("training", "Where all chance starts from.", first=True)] = 0
    repeats: Annotated[
        Count, about("training", "Runs with one seed after another, for mean and deviation.")
    ] = 1

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
        # Late: settings are declared without them.
        import yaml

        from spectile.files import write_aside

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
    scene: Annotated[
        str, about("data", "GeoTIFF, ENVI, MATLAB, NumPy ..., or the name of a known scene.")
    ]
    labels: Annotated[
        str | None, about("data", "Raster, polygons, or CSV of points; a known scene has its own.")
    ] = None
    bands_last: Annotated[
        bool | None,
        about(
            "data",
            "Axis of the bands in arrays; by default as the file says, else the last.",
            option="--bands-last/--bands-first",
        ),
    ] = None
    column: Column = None
    legend: Legend = None
    bands: Annotated[
        str | None,
        about("data", "Bands to use, from 1, as in 1-103,109; by default all that are good."),
    ] = None
    fit_on: Annotated[
        Literal["train", "scene"],
        about("data", "Pixels that fit the reducer; scene leaks, as in the literature."),
    ] = "train"
    padding: Annotated[Padding, about("data", "What lies beyond the scene's border.")] = "reflect"
    recipe: Recipe = RECIPES["best"]
    split: SplitConfig = SplitConfig()
    map: MapConfig = MapConfig()


class ImageSplitConfig(_Section):
    """How images are told apart where they don't come in train, validation and test."""

    order: Annotated[
        Literal["order", "random"],
        about(
            "split",
            "How images with masks are split; order: neighbouring names stay together.",
            name="split",
            tasks=("segment",),
        ),
    ] = "order"
    train: Annotated[TrainShare, about("split", "Share of the images on the training side.")] = 0.8
    validation: Validation = 0.1


class ImageConfig(RunConfig):
    """What the runs on images have in common."""

    legend: Legend = None
    bands: Annotated[
        str | None,
        about("data", "Bands to use, from 1, as in 1-103,109; by default all that hold data."),
    ] = None
    bands_last: Annotated[
        bool,
        about("data", "Axis of the bands in .npy arrays.", option="--bands-last/--bands-first"),
    ] = True
    weights: Annotated[
        str | None,
        about("network", "A .pth or .safetensors of weights to start from.", first=True),
    ] = None
    weights_from: Annotated[
        Literal["timm", "torchvision", "spectile"],
        about("network", "Whose names those weights have."),
    ] = "spectile"
    cache: Annotated[
        GigabytesOrNone,
        about(
            "hardware",
            "GB of decoded images that are kept; what is beyond is read in every epoch.",
            old=("memory",),
        ),
    ] = 2.0
    workers: Annotated[
        CountOrNone | None,
        about(
            "hardware",
            "Processes that prepare batches; by default as many as it takes beyond the cache.",
        ),
    ] = None
    skip_bad: Annotated[bool, about("data", "Leave out images that can't be read.")] = False
    tensorboard: Annotated[bool, about("training", "Write TensorBoard's logs as well.")] = False
    split: ImageSplitConfig = ImageSplitConfig()
    recipe: ImageRecipe


class ClassifyConfig(ImageConfig):
    """One run of `spectile train classify`."""

    task: Literal["classify"] = "classify"
    images: Annotated[
        str,
        about("data", "Class folders, a CSV of path and label, or CIFAR-10's batches.", first=True),
    ]
    recipe: ClassifyRecipe = ClassifyRecipe()


class SegmentConfig(ImageConfig):
    """One run of `spectile train segment`."""

    task: Literal["segment"] = "segment"
    images: Annotated[
        str | None, about("data", "A folder, or a CSV of image and mask.", first=True)
    ] = None
    masks: Annotated[
        str | None, about("data", "A folder of masks with the images' names.", first=True)
    ] = None
    scene: Annotated[
        str | None, about("data", "Instead of images: one scene, to be cut into tiles.", first=True)
    ] = None
    labels: Annotated[
        str | None, about("data", "The scene's labels: raster, polygons or points.", first=True)
    ] = None
    column: Annotated[str | None, about("data", "The class column of vector labels.")] = None
    tile: Annotated[TileEdge, about("data", "Edge of the scene's tiles in pixels.")] = 128
    ignore: Annotated[
        tuple[MaskNumber, ...] | None,
        about("data", "A number in masks for no class, besides 255; may be given several times."),
    ] = None
    recipe: SegmentRecipe = SegmentRecipe()


CONFIGS: dict[str, type[RunConfig]] = {
    "scene": SceneConfig,
    "classify": ClassifyConfig,
    "segment": SegmentConfig,
}
"""By the name of the task."""
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
    from spectile.tasks.yaml_file import read_yaml  # late: settings are declared without YAML

    document = read_yaml(path)
    return parse_config(document, str(path), kind)


def parse_config(
    document: Any, source: str, kind: type[Config], names: Mapping[str, str] | None = None
) -> Config:
    """Check plain values, under today's names or earlier versions'.

    `source` is named in the InputError for a wrong one; `names` are what the user calls settings,
    by their places: "recipe.epochs" is "--epochs".
    """
    try:
        return kind.model_validate(renamed(document, source, kind))
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"]]
        places = [".".join(keys[:length]) for length in range(len(keys), 0, -1)]
        known = next((names[place] for place in places if place in names), None) if names else None
        name = known or f"{source}: {places[0] if places else 'the document'}"
        raise InputError(f"{wrong(name, first)}; correct it and try again.") from error


def renamed(document: Any, source: str, kind: Any) -> Any:
    """The same plain values under today's names, where earlier versions had others.

    Raises InputError for a value under both.
    """
    if not isinstance(document, dict):
        return document
    changed = dict(document)
    for name, field in fields_of(kind).items():
        for old in told(field).get("old", ()):
            if old in changed and name in changed:
                raise InputError(f"{source}: {old} is the old name of {name}: leave one out.")
            if old in changed:
                changed[name] = changed.pop(old)
        if name in changed and fields_of(field.annotation):
            changed[name] = renamed(changed[name], source, field.annotation)
    return changed


def fields_of(kind: Any) -> dict[str, FieldInfo]:
    """The fields of a section of a configuration, in order; empty for what is none."""
    found = getattr(kind, "model_fields", None) or getattr(kind, "__pydantic_fields__", {})
    return dict(found)


def told(field: FieldInfo) -> dict[str, Any]:
    """What :func:`spectile.fields.about` was told of a field besides its description."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}
