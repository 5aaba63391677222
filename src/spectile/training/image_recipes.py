"""Recipes for whole images and for segmentation: settings that are known to work together."""

from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from spectile.choices import LossName, ReducerName
from spectile.fields import STRICT, about, writable
from spectile.ranges import (
    Count,
    CountOrNone,
    Decay,
    Fraction,
    ImageEdge,
    Norm,
    PositiveFraction,
    Rate,
    Scales,
    Share,
    Strength,
    TileEdge,
)
from spectile.training.recipe_book import RecipeBook

Network = Annotated[str, about("network", "The network's name, see `spectile models`.", first=True)]
NetworkOptions = Annotated[
    dict[str, Any],
    AfterValidator(writable),
    about(
        "network",
        "An argument of the network as NAME=VALUE, such as width=0.5; may be given several times.",
        option="--option",
        old=("option",),
    ),
]
Epochs = Annotated[Count, about("training", "Times over the training images.", first=True)]
Batch = Annotated[Count, about("training", "Images a step.", first=("classify",))]


@dataclass(config=STRICT)
class ImageRecipe:
    """What fits on images have in common."""

    network: Network = "se-resnet-18"
    options: NetworkOptions = field(default_factory=dict)
    attention: Annotated[
        str | None,
        about("network", "Attention block in the network's body, such as se, eca or cbam."),
    ] = None
    reducer: Annotated[
        ReducerName, about("data", "How bands become the channels that the network takes.")
    ] = "standardise"
    components: Annotated[Count, about("data", "Components at most, of reducers that choose.")] = 20
    epochs: Epochs = 30
    batch: Batch = 32
    optimizer: Annotated[
        Literal["adamw", "sgd"],
        about("training", "The optimiser; sgd has a Nesterov momentum of 0.9."),
    ] = "adamw"
    learning_rate: Annotated[
        Rate, about("training", "The highest learning rate.", first=("classify",))
    ] = 1e-3
    schedule: Annotated[
        Literal["cosine", "constant"],
        about("training", "The learning rate's course: down by a cosine, or constant."),
    ] = "cosine"
    warm_up: Annotated[
        Share,
        about("training", "Share of the steps over which a cosine's rate rises from nothing."),
    ] = 0.1
    weight_decay: Annotated[
        Decay, about("training", "Weight decay of weights, not of biases and normalisations.")
    ] = 0.05
    head_epochs: Annotated[
        CountOrNone,
        about("training", "Epochs at the start that fit the head alone, on given weights."),
    ] = 0
    body_rate: Annotated[
        PositiveFraction,
        about("training", "What multiplies the learning rate after the head's epochs."),
    ] = 0.1
    averaging: Annotated[
        Share,
        about("training", "Decay of the averaged weights, which are kept then; 0: none."),
    ] = 0.0
    clip: Annotated[
        Norm,
        about("training", "Largest norm of a step's gradient, which is scaled down to it; 0: any."),
    ] = 0.0
    patience: Annotated[
        Count | None,
        about("training", "Epochs without a lower validation loss before the fit stops early."),
    ] = None
    flip: Annotated[bool, about("training", "Flip images left to right, at random.")] = True
    rotate: Annotated[
        bool,
        about(
            "training",
            "Rotate and flip images in all eight ways, for pictures from above.",
            old=("turns",),
        ),
    ] = False
    jitter: Annotated[
        Fraction,
        about("training", "Strength of random colour changes, for photos of three bands alone."),
    ] = 0.0


@dataclass(config=STRICT)
class LabelRecipe(ImageRecipe):
    """What fits to one label an image or pixel have in common."""

    label_smoothing: Annotated[
        Share, about("training", "Share of a label that is given to all classes.")
    ] = 0.0
    class_weights: Annotated[
        bool, about("training", "Weigh each class by its rarity: small ones count as much.")
    ] = False


@dataclass(config=STRICT)
class ClassifyRecipe(LabelRecipe):
    """How a network for whole images is trained."""

    size: Annotated[
        ImageEdge | None,
        about(
            "data",
            "Edge in pixels that images are resized and cropped to; by default as they are.",
            first=True,
        ),
    ] = None
    shift: Annotated[
        CountOrNone | None,
        about("training", "Pixels that images are moved by at random; by default an eighth."),
    ] = None
    mixup: Annotated[
        Strength, about("training", "Beta parameter by which two images are mixed; 0: not.")
    ] = 0.0
    cutmix: Annotated[
        Strength,
        about("training", "Beta parameter by which rectangles are exchanged; 0: not."),
    ] = 0.0
    erasing: Annotated[
        Share, about("training", "Share of the images that lose a random rectangle.")
    ] = 0.0


@dataclass(config=STRICT)
class SegmentRecipe(LabelRecipe):
    """How a segmentation network is trained."""

    network: Network = "deeplab-v3-plus"
    # Depthwise-separable in head and decoder, as in the paper: a step takes a third of the time.
    options: NetworkOptions = field(
        default_factory=lambda: {"backbone": "mobilenet-v2", "separable": True}
    )
    epochs: Epochs = 50
    batch: Batch = 8
    crop: Annotated[
        TileEdge | None,
        about(
            "training",
            "Edge in pixels of the crops of a step; by default 256, or less for smaller images.",
        ),
    ] = None
    scales: Annotated[
        Scales,
        about("training", "Smallest and largest factor that images are enlarged by at random."),
    ] = (0.5, 2.0)
    loss: Annotated[LossName, about("training", "The loss of a pixel's class.")] = "cross-entropy"


CLASSIFY_RECIPES = RecipeBook(
    ClassifyRecipe,
    {
        "default": {},
        # The plain run: SE-ResNet-18 for small images, Adam 1e-3, ten epochs, nothing else.
        "cifar": {
            "options": {"stem": "cifar"},
            "epochs": 10,
            "batch": 128,
            "schedule": "constant",
            "weight_decay": 0.0,
            "flip": False,
            "shift": 0,
        },
        # He et al. 2016 (shift and flip), DeVries and Taylor 2017 (erasing), averaged weights.
        "cifar-strong": {
            "options": {"stem": "cifar"},
            "epochs": 60,
            "batch": 128,
            "optimizer": "sgd",
            "learning_rate": 0.1,
            "weight_decay": 5e-4,
            "averaging": 0.999,
            "label_smoothing": 0.1,
            "shift": 4,
            "erasing": 0.5,
        },
    },
)

SEGMENT_RECIPES = RecipeBook(
    SegmentRecipe,
    {
        "default": {},
        # Pictures from above have no up, and one ground resolution.
        "aerial": {"rotate": True, "scales": (0.8, 1.25)},
    },
)
