"""Recipes: settings that are known to work together, by name."""

import math
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from spectile.choices import Light, ReducerName
from spectile.fields import STRICT, about, writable
from spectile.named_code import placed
from spectile.ranges import (
    Count,
    CountOrNone,
    Decay,
    Fraction,
    Norm,
    PositiveFraction,
    Rate,
    Share,
    SmoothRadius,
    Strength,
    Window,
)
from spectile.training.recipe_book import RecipeBook

WINDOWS_SEEN = 50_000
"""A minute on two cores in windows of 13 pixels, enough to fit what the labels tell."""

Optimizer = Literal["auto", "adam", "adamw", "adagrad", "sgd", "rmsprop", "muon"]

APART = ("window", "layout", "attention", "spectral_branch")
"""Arguments of window networks that are settings of their own."""


CROSS_ENTROPY = "cross-entropy"
"""The loss of logits against classes that a fit has unless it is given one of the user's own."""


def _without_settings(options: dict[str, Any]) -> dict[str, Any]:
    for name in APART:
        if name in options:
            raise ValueError(f"{name} has an option of its own: give --{name.replace('_', '-')}")
    return options


@dataclass(config=STRICT)
class Recipe:
    """How a window network is trained."""

    network: Annotated[
        str,
        AfterValidator(placed),
        about(
            "network",
            "The network's name, see `spectile models`, or code as in mynets.py:SSRN.",
            first=True,
            code=True,
        ),
    ] = "hybridsn-se"
    options: Annotated[
        dict[str, Any],
        AfterValidator(writable),
        AfterValidator(_without_settings),
        about(
            "network",
            "An argument of the network as NAME=VALUE; may be given several times.",
            option="--option",
            old=("option",),
        ),
    ] = field(default_factory=dict)
    layout: Annotated[
        str | None,
        about(
            "network",
            "How a network of one's own takes windows, as in NBHW or N1HWB; tried out by default.",
        ),
    ] = None
    attention: Annotated[
        str | None,
        about("network", "Attention block between trunk and classifier, such as se or cbam."),
    ] = None
    spectral_branch: Annotated[
        Share,
        about(
            "network",
            "Weight in the logits of a classifier of the centre pixel's spectrum; 0: none.",
        ),
    ] = 0.0
    window: Annotated[
        Window,
        about("network", "Edge of the square around a pixel, in pixels.", first=True),
    ] = 13
    reducer: Annotated[
        ReducerName, about("data", "How bands become the components that the network takes.")
    ] = "pca"
    components: Annotated[
        Count, about("data", "Components at most, of reducers that choose.", first=True)
    ] = 20
    whitening: Annotated[
        Fraction,
        about("data", "How far PCA's components are whitened; 0: they keep their variances."),
    ] = 1.0
    light: Annotated[
        Light,
        about(
            "data",
            "What of the light spectra are freed from: nothing, its brightness, a tilt over "
            "wavelengths as well, or a bow too.",
        ),
    ] = "kept"
    self_training: Annotated[
        CountOrNone,
        about(
            "training",
            "Pixels of each class that the run labels itself all over the image, and learns from "
            "too; 0: none.",
        ),
    ] = 0
    light_augmentation: Annotated[
        Strength,
        about(
            "training",
            "How far spectra are bent at random by the next curve of light, a bow after slope; 0: "
            "not.",
            goes_with=("light", ("gain", "slope", "bow")),
        ),
    ] = 0.0
    epochs: Annotated[
        Count | None,
        about(
            "training",
            "Times over the training windows; by default until 50,000 are seen, or 80 steps on "
            "regions.",
            first=True,
        ),
    ] = None
    batch: Annotated[
        Count | None,
        about(
            "training",
            "Windows a step; by default 32, or on regions all of a small scene's.",
        ),
    ] = None
    optimizer: Annotated[
        Optimizer,
        about(
            "training",
            "The optimiser; muon is for steps of a thousand windows, auto takes it on regions and "
            "adamw window by window.",
        ),
    ] = "adamw"
    learning_rate: Annotated[
        Rate, about("training", "Highest learning rate; Muon's follow from it as from Adam's.")
    ] = 1e-3
    momentum: Annotated[
        Share | None,
        about(
            "training",
            "Momentum of sgd, by default 0.9, or of rmsprop, by default 0.",
            goes_with=("optimizer", ("sgd", "rmsprop")),
        ),
    ] = None
    weight_decay: Annotated[
        Decay,
        about(
            "training",
            "Weight decay: added to the gradient (adam, sgd, rmsprop), or apart (adamw, muon).",
        ),
    ] = 1e-4
    clip: Annotated[
        Norm,
        about("training", "Largest norm of a step's gradient, which is scaled down to it; 0: any."),
    ] = 0.0
    schedule: Annotated[
        Literal["one-cycle", "constant", "cosine", "step", "plateau"],
        about(
            "training",
            "The learning rate's course: up and down once, constant, down by a cosine, down "
            "every few epochs, or down where the validation loss rests.",
        ),
    ] = "one-cycle"
    schedule_step: Annotated[
        Count | None,
        about(
            "training",
            "Epochs after which step lowers the learning rate; by default a third of them.",
            goes_with=("schedule", ("step",)),
        ),
    ] = None
    schedule_factor: Annotated[
        PositiveFraction | None,
        about(
            "training",
            "What step and plateau multiply the learning rate by; by default 0.1.",
            goes_with=("schedule", ("step", "plateau")),
        ),
    ] = None
    schedule_patience: Annotated[
        CountOrNone | None,
        about(
            "training",
            "Epochs without a lower validation loss before plateau acts; by default 10.",
            goes_with=("schedule", ("plateau",)),
        ),
    ] = None
    patience: Annotated[
        Count | None,
        about("training", "Epochs without a lower validation loss before the fit stops early."),
    ] = None
    loss: Annotated[
        str,
        AfterValidator(placed),
        about(
            "training",
            "What is learnt by: cross-entropy, or one's own, as in losses.py:name.",
            code=True,
        ),
    ] = CROSS_ENTROPY
    class_weights: Annotated[
        bool,
        about(
            "training",
            "Weigh each class by the root of its rarity.",
            goes_with=("loss", (CROSS_ENTROPY,)),
        ),
    ] = False
    rotate: Annotated[
        bool,
        about("training", "Rotate and flip windows at random, in all eight ways.", old=("turns",)),
    ] = True
    spectral_augmentation: Annotated[
        Strength,
        about(
            "training",
            "How far spectra are shifted at random, in deviations within their class; 0: not.",
            old=("spectral_shift",),
        ),
    ] = 0.0
    mixup: Annotated[
        Strength,
        about(
            "training",
            "Beta parameter by which two windows are mixed; with --no-regions; 0: not.",
            goes_with=("loss", (CROSS_ENTROPY,)),
        ),
    ] = 0.0
    label_smoothing: Annotated[
        Share,
        about(
            "training",
            "Share of a label that is given to all classes.",
            goes_with=("loss", (CROSS_ENTROPY,)),
        ),
    ] = 0.0
    regions: Annotated[
        bool,
        about(
            "training",
            "Train on regions of the scene, whose windows share the trunk: several times faster.",
            old=("shared",),
            goes_with=("loss", (CROSS_ENTROPY,)),
        ),
    ] = False

    smooth: Annotated[
        SmoothRadius,
        about(
            "mapping",
            "Radius in pixels in which the map's probabilities are smoothed along edges; 0: not.",
        ),
    ] = 0

    def epochs_for(self, windows: int) -> int:
        """Times over so many training windows: at least 5, or a class may be met too seldom."""
        if self.epochs is not None:
            return self.epochs
        return max(5, math.ceil(WINDOWS_SEEN / max(1, windows)))


RECIPES = RecipeBook(
    Recipe,
    {
        # Chosen for its scores on blocks of Indian Pines; docs/results.md says what each part
        # brings.
        "best": {
            "network": "hybridsn-2d",
            "spectral_branch": 0.5,
            "window": 9,
            "reducer": "correlation-pca",
            "components": 60,
            "whitening": 0.5,
            "light": "slope",
            "light_augmentation": 0.02,
            "self_training": 300,
            "smooth": 3,
            "optimizer": "auto",
            "class_weights": True,
            "spectral_augmentation": 0.5,
            "regions": True,
        },
        # Roy et al. 2020: 25 x 25, 30 components, Adam 1e-3, batches of 256, 100 epochs, no flips.
        "paper": {
            "window": 25,
            "components": 30,
            "epochs": 100,
            "batch": 256,
            "optimizer": "adam",
            "schedule": "constant",
            "weight_decay": 0.0,
            "rotate": False,
        },
        # Single spectra, fitted by scikit-learn with usual settings: see training/spectra/.
        "svm": {"network": "svm", "window": 1, "reducer": "standardise"},
        "lda": {"network": "lda", "window": 1, "reducer": "standardise"},
    },
)
