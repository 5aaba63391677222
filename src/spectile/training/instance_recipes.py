"""Recipes for networks of instances: settings that are known to work together."""

from dataclasses import field
from typing import Annotated

from pydantic.dataclasses import dataclass

from spectile.fields import STRICT, about
from spectile.ranges import Norm, Rate, Scales, Share, Strength, TileEdge
from spectile.training.image_recipes import Batch, Epochs, ImageRecipe, NetworkOptions
from spectile.training.recipe_book import RecipeBook


@dataclass(config=STRICT)
class InstanceRecipe(ImageRecipe):
    """How a network of instances is trained."""

    network: Annotated[str, about("network", "The network's name: blendmask, or blendmask-rt.")] = (
        "blendmask"
    )
    # A fraction of the paper's widths: for two cores, and for fewer objects than COCO has.
    options: NetworkOptions = field(
        default_factory=lambda: {
            "backbone": "resnet-18",
            "channels": 64,
            "attention_size": 7,
            "mask_size": 28,
            "most": 200,
        }
    )
    epochs: Epochs = 60
    batch: Batch = 8
    learning_rate: Annotated[
        Rate, about("training", "The highest learning rate.", first=("classify",))
    ] = 2e-3
    averaging: Annotated[
        Share,
        about("training", "Decay of the averaged weights, which are kept then; 0: none."),
    ] = 0.99
    rotate: Annotated[
        bool,
        about(
            "training",
            "Rotate and flip images in all eight ways, for pictures from above.",
            old=("turns",),
        ),
    ] = True
    crop: Annotated[
        TileEdge | None,
        about(
            "training",
            "Edge in pixels of the crops of a step; by default 128 for small objects, else 256.",
        ),
    ] = None
    scales: Annotated[
        Scales,
        about("training", "Smallest and largest factor that images are enlarged by at random."),
    ] = (0.8, 1.25)
    gain: Annotated[
        Strength,
        about(
            "training",
            "How far brightness is changed at random, as the deviation of its logarithm; 0: not.",
        ),
    ] = 0.5
    clip: Annotated[
        Norm,
        about("training", "Largest norm of a step's gradient, which is scaled down to it; 0: any."),
    ] = 10.0


INSTANCE_RECIPES = RecipeBook(
    InstanceRecipe,
    {
        "default": {},
        # Photos have an up, and objects at all distances.
        "photos": {"rotate": False, "scales": (0.5, 2.0)},
    },
)
