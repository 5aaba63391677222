"""The task "scene": classes of a scene's pixels, each by the window around it."""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from spectile.choices import Padding, SpectraClassifier
from spectile.fields import about
from spectile.ranges import Count, CountOrNone, Gigabytes, TrainShare
from spectile.tasks.config import Legend, RunConfig, Section, Validation
from spectile.tasks.registry import TaskEntry
from spectile.training.recipes import RECIPES, Recipe


def _with_commas(names: Any) -> Any:
    return ",".join(map(str, names)) if isinstance(names, list | tuple) else names


def _known_baselines(names: str) -> str:
    wanted, known = [name.strip() for name in names.split(",")], get_args(SpectraClassifier)
    for name in wanted if wanted not in (["auto"], ["none"]) else []:
        if name not in known:
            raise ValueError(
                f"there is no baseline {name!r}: choose some of {', '.join(known)}, or none, or "
                "auto"
            )
    return ",".join(wanted)


class SplitConfig(Section):
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
            path=True,
        ),
    ] = ()


class MapConfig(Section):
    """How the scene is mapped."""

    method: Annotated[
        Literal["dense", "patches"],
        about("mapping", "dense: shared work once, the same numbers; patches: window by window."),
    ] = "dense"
    memory: Annotated[
        Gigabytes, about("mapping", "GB of memory that one part of the map may take.")
    ] = 1.0
    layers: Annotated[
        str,
        about("mapping", "Rasters beside the map, as in probabilities,entropy."),
        BeforeValidator(
            lambda names: ",".join(names) if isinstance(names, list | tuple) else names
        ),
    ] = ""
    probabilities: Annotated[bool, about("mapping", "The same as --layers probabilities.")] = False
    entropy: Annotated[bool, about("mapping", "The same as --layers entropy.")] = False


class SceneConfig(RunConfig):
    """One run of `spectile train scene`."""

    task: Literal["scene"] = "scene"
    scene: Annotated[
        str,
        about("data", "GeoTIFF, ENVI, MATLAB, NumPy ..., or the name of a known scene.", path=True),
    ]
    labels: Annotated[
        str | None,
        about("data", "Raster, polygons, or CSV of points; a known scene has its own.", path=True),
    ] = None
    bands_last: Annotated[
        bool | None,
        about(
            "data",
            "Axis of the bands in arrays; by default as the file says, else the last.",
            option="--bands-last/--bands-first",
        ),
    ] = None
    column: Annotated[
        str | None, about("data", "The class column of vector labels.", first=True)
    ] = None
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
    baselines: Annotated[
        str,
        about(
            "training",
            "Classifiers of single spectra to score beside it, as in svm,lda,forest; none; auto: "
            "as many as take no longer than the fit.",
        ),
        BeforeValidator(_with_commas),
        AfterValidator(_known_baselines),
    ] = "auto"
    recipe: Recipe = Field(default_factory=lambda: RECIPES.default)
    split: SplitConfig = Field(default_factory=SplitConfig)
    map: MapConfig = Field(default_factory=MapConfig)
    stress: Annotated[
        bool,
        about("mapping", "Score test pixels under other light, noise, shifted and lost bands too."),
    ] = True


ENTRY = TaskEntry(
    name="scene",
    summary="Train on a scene and its labels, map it, score it and write a report.",
    config=SceneConfig,
    recipes=RECIPES,
    task="spectile.tasks.scene.task:SceneTask",
    example="scene.hdr fields.gpkg --column crop --out runs/fields",
    arguments=("scene", "labels"),
    sources=("scene",),
    missing="name a scene and its labels, or a --config.",
    progress="mapping",
)
