"""Recipes for whole images and for segmentation: settings that are known to work together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from spectile.data.preprocessing.reducers import ReducerName
from spectile.ranges import (
    Count,
    CountOrNone,
    Decay,
    Fraction,
    ImageEdge,
    PositiveFraction,
    Rate,
    Scales,
    Share,
    Strength,
    TileEdge,
)
from spectile.training.losses import LossName


@dataclass(frozen=True)
class ImageRecipe:
    """What fits of both tasks have in common."""

    network: str = "se-resnet-18"
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments of the network, such as stem or width."""
    attention: str | None = None
    """The attention block in the network, or in a segmentation network's backbone."""
    reducer: ReducerName = "standardise"
    components: Count = 20
    """Of PCA; standardising keeps the bands."""
    epochs: Count = 30
    batch: Count = 32
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """sgd: with a Nesterov momentum of 0.9."""
    learning_rate: Rate = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    warm_up: Share = 0.1
    """Share of the steps over which the learning rate rises from nothing, under "cosine"."""
    weight_decay: Decay = 0.05
    """Of weights; normalisations and biases have none."""
    head_epochs: CountOrNone = 0
    """Epochs at the start in which the head alone is fitted, on a body with given weights."""
    body_rate: PositiveFraction = 0.1
    """What multiplies the learning rate of all weights after those epochs."""
    averaging: Share = 0.0
    """Decay of the exponential moving average of the weights, which is then kept; 0 for none."""
    label_smoothing: Share = 0.0
    class_weights: bool = False
    """Weigh each class by its rarity, so that small classes count as much as large ones."""
    patience: Count | None = None
    """Epochs without a lower validation loss after which the fit stops; None goes to the end."""
    flip: bool = True
    """Mirror images left to right, at random."""
    turns: bool = False
    """Turn and flip images in all eight ways: for pictures from above."""
    jitter: Fraction = 0.0
    """Strength of random brightness, contrast and saturation; for three bands alone."""


@dataclass(frozen=True)
class ClassifyRecipe(ImageRecipe):
    """How a network for whole images is trained."""

    size: ImageEdge | None = None
    """Edge in pixels that images are resized and cropped to; None takes them as they are."""
    shift: CountOrNone | None = None
    """Pixels by which images are moved at random; None: an eighth of their edge."""
    mixup: Strength = 0.0
    """Parameter of the Beta distribution that two images are mixed by; 0 for none."""
    cutmix: Strength = 0.0
    """The same for a rectangle of another image."""
    erasing: Share = 0.0
    """Share of the images that a random rectangle is erased of."""


@dataclass(frozen=True)
class SegmentRecipe(ImageRecipe):
    """How a segmentation network is trained."""

    network: str = "deeplab-v3-plus"
    # Depthwise-separable in head and decoder, as in the paper: a step takes a third of the time.
    options: dict[str, Any] = field(
        default_factory=lambda: {"backbone": "mobilenet-v2", "separable": True}
    )
    epochs: Count = 50
    batch: Count = 8
    crop: TileEdge | None = None
    """Edge in pixels of what a step sees of an image; None: 256, or less for smaller images."""
    scales: Scales = (0.5, 2.0)
    """Images are enlarged by a random factor between these."""
    loss: LossName = "cross-entropy"


CLASSIFY_RECIPES = {
    "default": ClassifyRecipe(),
    # The plain run: SE-ResNet-18 for small images, Adam 1e-3, ten epochs, nothing else.
    "cifar": ClassifyRecipe(
        options={"stem": "cifar"},
        epochs=10,
        batch=128,
        schedule="constant",
        weight_decay=0.0,
        flip=False,
        shift=0,
    ),
    # He et al. 2016 (shift and flip), DeVries and Taylor 2017 (erasing), averaged weights.
    "cifar-strong": ClassifyRecipe(
        options={"stem": "cifar"},
        epochs=60,
        batch=128,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=5e-4,
        averaging=0.999,
        label_smoothing=0.1,
        shift=4,
        erasing=0.5,
    ),
}

SEGMENT_RECIPES = {
    "default": SegmentRecipe(),
    # Pictures from above have no up, and one ground resolution.
    "aerial": SegmentRecipe(turns=True, scales=(0.8, 1.25)),
}
