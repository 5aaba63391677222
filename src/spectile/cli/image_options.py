"""Options that `train classify` and `train segment` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path | None, typer.Option(help="The run directory.")]
ConfigFile = Annotated[Path | None, typer.Option(help="The config.yaml of a run, to run it again.")]
LegendFile = Annotated[str | None, typer.Option(help="CSV of value, name, color.")]
Bands = Annotated[str | None, typer.Option(help="Bands to use, from 1: 1-103,109.")]
ArrayAxes = Annotated[
    bool | None, typer.Option("--bands-last/--bands-first", help="Axis of the bands in .npy.")
]
NetworkName = Annotated[str | None, typer.Option(help="See spectile models.")]
NetworkOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Of the network, such as width=0.5; repeatable."),
]
AttentionName = Annotated[
    str | None, typer.Option(help="Attention block in the network's body: se, eca, cbam ...")
]
Weights = Annotated[
    str | None, typer.Option(help="Start from the weights in this .pth or .safetensors.")
]
WeightsFrom = Annotated[
    str | None, typer.Option(help="Whose names they have: timm, torchvision or spectile.")
]
HeadEpochs = Annotated[
    int | None, typer.Option(help="Epochs that fit the head alone, before all at a lower rate.")
]
BodyRate = Annotated[float | None, typer.Option(help="That lower rate, as a share.")]
ReducerOption = Annotated[str | None, typer.Option(help="standardise, pca or none.")]
Components = Annotated[int | None, typer.Option(help="Components of PCA.")]
Epochs = Annotated[int | None, typer.Option(help="Times over the training images.")]
Batch = Annotated[int | None, typer.Option(help="Images a step.")]
Optimizer = Annotated[str | None, typer.Option(help="adamw or sgd.")]
LearningRate = Annotated[float | None, typer.Option(help="The highest learning rate.")]
Schedule = Annotated[str | None, typer.Option(help="cosine (after a warm-up) or constant.")]
WarmUp = Annotated[float | None, typer.Option(help="Share of the steps that warm up.")]
WeightDecay = Annotated[float | None, typer.Option(help="Of weights, not of biases.")]
Averaging = Annotated[
    float | None, typer.Option(help="Decay of the averaged weights, such as 0.999; 0: none.")
]
LabelSmoothing = Annotated[float | None, typer.Option(help="Share given to other classes.")]
ClassWeights = Annotated[
    bool | None, typer.Option("--class-weights/--no-class-weights", help="Favour rare classes.")
]
Patience = Annotated[
    int | None, typer.Option(help="Stop after so many epochs without a better validation.")
]
Flip = Annotated[bool | None, typer.Option("--flip/--no-flip", help="Mirror left to right.")]
Turns = Annotated[
    bool | None, typer.Option("--turns/--no-turns", help="Turn and flip in all eight ways.")
]
Jitter = Annotated[
    float | None, typer.Option(help="Strength of colour changes, for photos: 0 to 1.")
]
TrainShare = Annotated[float | None, typer.Option(help="Share of the training side.")]
ValidationShare = Annotated[
    float | None, typer.Option(help="Share of the training side that picks the epoch.")
]
StoreMemory = Annotated[float | None, typer.Option(help="GB of decoded images to keep.")]
Workers = Annotated[int | None, typer.Option(help="Processes that prepare batches.")]
SkipBad = Annotated[
    bool | None, typer.Option("--skip-bad", help="Leave out files that can't be read.")
]
TensorBoard = Annotated[
    bool | None, typer.Option("--tensorboard", help="Write TensorBoard's logs as well.")
]
Repeats = Annotated[int | None, typer.Option(help="Runs, for mean and deviation.")]
Accelerator = Annotated[str | None, typer.Option(help="auto, cpu, gpu.")]
Devices = Annotated[int | None, typer.Option(help="How many, by DDP.")]
FitPrecision = Annotated[str | None, typer.Option(help="auto, 32-true, bf16-mixed.")]
RunSeed = Annotated[int | None, typer.Option(help="Where all chance starts from.")]

TOP = (
    "images legend bands bands_last weights weights_from memory workers skip_bad tensorboard "
    "seed repeats"
)
RECIPE = (
    "network attention reducer components epochs batch optimizer learning_rate schedule warm_up "
    "weight_decay head_epochs body_rate averaging label_smoothing class_weights patience flip "
    "turns jitter"
)
SPLIT = "train validation"
HARDWARE = "accelerator devices precision threads"
"""Their places in config.yaml, by section."""
