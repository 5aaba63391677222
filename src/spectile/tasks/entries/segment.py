"""The task "segment": classes of all pixels of images, or of a scene's tiles."""

from typing import Annotated, Literal

from pydantic import Field

from spectile.fields import about
from spectile.ranges import MaskNumber, TileEdge
from spectile.tasks.images.config import ImageConfig
from spectile.tasks.registry import NetworkOption, TaskEntry
from spectile.training.image_recipes import SEGMENT_RECIPES, SegmentRecipe


class SegmentConfig(ImageConfig):
    """One run of `spectile train segment`."""

    task: Literal["segment"] = "segment"
    images: Annotated[
        str | None, about("data", "A folder, or a CSV of image and mask.", first=True, path=True)
    ] = None
    masks: Annotated[
        str | None,
        about("data", "A folder of masks with the images' names.", first=True, path=True),
    ] = None
    scene: Annotated[
        str | None,
        about("data", "Instead of images: one scene, to be cut into tiles.", first=True, path=True),
    ] = None
    labels: Annotated[
        str | None,
        about("data", "The scene's labels: raster, polygons or points.", first=True, path=True),
    ] = None
    column: Annotated[str | None, about("data", "The class column of vector labels.")] = None
    tile: Annotated[TileEdge, about("data", "Edge of the scene's tiles in pixels.")] = 128
    ignore: Annotated[
        tuple[MaskNumber, ...] | None,
        about("data", "A number in masks for no class, besides 255; may be given several times."),
    ] = None
    recipe: SegmentRecipe = Field(default_factory=SegmentRecipe)


ENTRY = TaskEntry(
    name="segment",
    summary="Train on images and masks, or on tiles of a scene; score on test images, write a "
    "report.",
    config=SegmentConfig,
    recipes=SEGMENT_RECIPES,
    task="spectile.tasks.images.segment:SegmentTask",
    example="--images tiles --masks masks --out runs/tiles",
    sources=("images", "scene"),
    missing="name --images and --masks, or a --scene and its --labels.",
    progress="reading images",
    network_options=(
        NetworkOption("backbone", "Backbone of DeepLabv3+, such as resnet-18 or mobilenet-v2."),
        NetworkOption(
            "output_stride",
            "How many times smaller the backbone's last features are: 8, 16 or 32.",
            int,
        ),
    ),
)
