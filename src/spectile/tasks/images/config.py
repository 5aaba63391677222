"""What the settings of the tasks on images have in common."""

from typing import Annotated, Literal

from pydantic import Field

from spectile.fields import about
from spectile.ranges import CountOrNone, GigabytesOrNone, TrainShare
from spectile.tasks.config import Legend, RunConfig, Section, Validation
from spectile.training.image_recipes import ImageRecipe


class ImageSplitConfig(Section):
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
        about("network", "A .pth or .safetensors of weights to start from.", first=True, path=True),
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
    split: ImageSplitConfig = Field(default_factory=ImageSplitConfig)
    recipe: ImageRecipe
