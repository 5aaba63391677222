"""The task "instances": objects in images, or in a scene with polygons, each with its outline."""

from typing import Annotated, Literal

from pydantic import Field

from spectile.fields import about
from spectile.ranges import TileEdge
from spectile.tasks.images.config import ImageConfig
from spectile.tasks.registry import NetworkOption, TaskEntry
from spectile.training.instance_recipes import INSTANCE_RECIPES, InstanceRecipe


class InstanceConfig(ImageConfig):
    """One run of `spectile train instances`."""

    task: Literal["instances"] = "instances"
    coco: Annotated[
        str | None,
        about("data", "A COCO JSON: images and their objects.", first=True, path=True),
    ] = None
    coco_validation: Annotated[
        str | None, about("data", "Another, of the validation side.", path=True)
    ] = None
    coco_test: Annotated[
        str | None,
        about("data", "Another, of the test side; without, the first is split.", path=True),
    ] = None
    images: Annotated[
        str | None,
        about(
            "data", "The folder of images; by default that of the COCO JSON.", first=True, path=True
        ),
    ] = None
    numbers: Annotated[
        str | None,
        about(
            "data",
            "A folder of images with the images' names, a number for each object.",
            first=True,
            path=True,
        ),
    ] = None
    scene: Annotated[
        str | None,
        about("data", "Instead of images: one scene, to be cut into tiles.", first=True, path=True),
    ] = None
    labels: Annotated[
        str | None,
        about("data", "The scene's objects: polygons, one each.", first=True, path=True),
    ] = None
    column: Annotated[
        str | None, about("data", "The class column of polygons; without, all are one class.")
    ] = None
    tile: Annotated[TileEdge, about("data", "Edge of the scene's tiles in pixels.")] = 128
    recipe: InstanceRecipe = Field(default_factory=InstanceRecipe)


ENTRY = TaskEntry(
    name="instances",
    summary="Train to find objects and their outlines in images, or on tiles of a scene with "
    "polygons; score on test images, write a report.",
    config=InstanceConfig,
    recipes=INSTANCE_RECIPES,
    task="spectile.tasks.instances.task:InstancesTask",
    example="--coco train.json --coco-test test.json --images photos --out runs/cells",
    sources=("coco", "numbers", "scene"),
    missing="name --coco, or --images and --numbers, or a --scene and its --labels.",
    progress="reading images",
    network_options=(
        NetworkOption("backbone", "Backbone of BlendMask, such as resnet-18 or se-resnet-18."),
        NetworkOption(
            "finest_stride",
            "Pixels that a step of the finest level spans: 4 for small objects, or 8.",
            int,
        ),
    ),
)
