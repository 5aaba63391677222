"""`spectile train classify`."""

from __future__ import annotations

from typing import Annotated

import typer

from spectile.cli import image_options as o
from spectile.cli.options import Overwrite, Quiet, Resume, Threads
from spectile.cli.resolving import (
    base_of,
    finished_already,
    network_options,
    places,
    resolved,
    run_directory,
)

PLACES = {
    **places(
        top=o.TOP,
        recipe=f"{o.RECIPE} size shift mixup cutmix erasing",
        split=o.SPLIT,
        hardware=o.HARDWARE,
    ),
    "option": ("recipe", "options"),
}


def classify(
    images: Annotated[
        str | None, typer.Option(help="Class folders, a CSV of path and label, or CIFAR-10.")
    ] = None,
    out: o.Out = None,
    config: o.ConfigFile = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Settings to start from: default, cifar or cifar-strong."),
    ] = None,
    legend: o.LegendFile = None,
    bands: o.Bands = None,
    bands_last: o.ArrayAxes = None,
    network: o.NetworkName = None,
    option: o.NetworkOption = None,
    attention: o.AttentionName = None,
    weights: o.Weights = None,
    weights_from: o.WeightsFrom = None,
    head_epochs: o.HeadEpochs = None,
    body_rate: o.BodyRate = None,
    reducer: o.ReducerOption = None,
    components: o.Components = None,
    size: Annotated[
        int | None, typer.Option(help="Edge in pixels that images are brought to.")
    ] = None,
    epochs: o.Epochs = None,
    batch: o.Batch = None,
    optimizer: o.Optimizer = None,
    learning_rate: o.LearningRate = None,
    schedule: o.Schedule = None,
    warm_up: o.WarmUp = None,
    weight_decay: o.WeightDecay = None,
    averaging: o.Averaging = None,
    label_smoothing: o.LabelSmoothing = None,
    class_weights: o.ClassWeights = None,
    patience: o.Patience = None,
    flip: o.Flip = None,
    turns: o.Turns = None,
    jitter: o.Jitter = None,
    shift: Annotated[int | None, typer.Option(help="Pixels that images are moved by.")] = None,
    mixup: Annotated[float | None, typer.Option(help="Mix images: alpha, such as 0.2.")] = None,
    cutmix: Annotated[float | None, typer.Option(help="Mix rectangles: alpha, such as 1.")] = None,
    erasing: Annotated[float | None, typer.Option(help="Share with a rectangle erased.")] = None,
    train: o.TrainShare = None,
    validation: o.ValidationShare = None,
    memory: o.StoreMemory = None,
    workers: o.Workers = None,
    skip_bad: o.SkipBad = None,
    tensorboard: o.TensorBoard = None,
    repeats: o.Repeats = None,
    accelerator: o.Accelerator = None,
    devices: o.Devices = None,
    precision: o.FitPrecision = None,
    threads: Threads = None,
    seed: o.RunSeed = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Train on images of any band count in classes, score it on test images, write a report."""
    options = {key: value for key, value in locals().items() if key in PLACES}
    from spectile.cli.bars import pixels_bar
    from spectile.cli.printing import print_image_scores
    from spectile.runs.lifecycle import run
    from spectile.tasks.config import ClassifyConfig
    from spectile.tasks.images.classify import ClassifyTask
    from spectile.training.image_recipes import CLASSIFY_RECIPES

    out = run_directory(out)
    base = base_of(
        config,
        out,
        ClassifyConfig,
        named=images is not None,
        missing="name the images: add --images DIR, or a --config.",
        resume=resume,
        overwrite=overwrite,
    )
    options["option"] = network_options(option)
    settings = resolved(options, PLACES, ClassifyConfig, CLASSIFY_RECIPES, base=base, recipe=recipe)
    task = ClassifyTask()
    if finished_already(task, settings, out, resume=resume):
        return
    with pixels_bar("reading images", quiet=quiet) as progress:
        finished = run(
            task, settings, out, overwrite=overwrite, resume=resume, quiet=quiet, progress=progress
        )
    print_image_scores(finished.metrics, finished.extra_notes)
    print(f"Report: {out / 'report.html'}")
