"""The task "classify": classes of whole images."""

from typing import Annotated, Literal

from pydantic import Field

from spectile.fields import about
from spectile.tasks.images.config import ImageConfig
from spectile.tasks.registry import TaskEntry
from spectile.training.image_recipes import CLASSIFY_RECIPES, ClassifyRecipe


class ClassifyConfig(ImageConfig):
    """One run of `spectile train classify`."""

    task: Literal["classify"] = "classify"
    images: Annotated[
        str,
        about(
            "data",
            "Class folders, a CSV of path and label, or CIFAR-10's batches.",
            first=True,
            path=True,
        ),
    ]
    recipe: ClassifyRecipe = Field(default_factory=ClassifyRecipe)


ENTRY = TaskEntry(
    name="classify",
    summary="Train on images of any band count in classes, score it on test images, write a "
    "report.",
    config=ClassifyConfig,
    recipes=CLASSIFY_RECIPES,
    task="spectile.tasks.images.classify:ClassifyTask",
    example="--images photos --out runs/photos",
    sources=("images",),
    missing="name the images: add --images DIR, or a --config.",
    progress="reading images",
)
