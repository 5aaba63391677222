"""`spectile train segment`."""

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
        top=f"{o.TOP} masks scene labels column tile ignore",
        recipe=f"{o.RECIPE} crop scales loss",
        split=f"{o.SPLIT} order",
        hardware=o.HARDWARE,
    ),
    "option": ("recipe", "options"),
}


def segment(
    images: Annotated[
        str | None, typer.Option(help="A folder, or a CSV of image and mask.")
    ] = None,
    masks: Annotated[
        str | None, typer.Option(help="A folder of masks with the images' names.")
    ] = None,
    scene: Annotated[
        str | None, typer.Option(help="Instead: one scene, to be cut into tiles.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="The scene's labels: raster, polygons, points.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Class column of vector labels.")] = None,
    tile: Annotated[int | None, typer.Option(help="Edge of the scene's tiles in pixels.")] = None,
    ignore: Annotated[
        list[int] | None, typer.Option(help="Number of no class in masks, besides 255; repeatable.")
    ] = None,
    out: o.Out = None,
    config: o.ConfigFile = None,
    recipe: Annotated[
        str | None, typer.Option(help="Settings to start from: default or aerial.")
    ] = None,
    legend: o.LegendFile = None,
    bands: o.Bands = None,
    bands_last: o.ArrayAxes = None,
    network: o.NetworkName = None,
    backbone: Annotated[
        str | None, typer.Option(help="Of DeepLabv3+: resnet-18, mobilenet-v2 ...")
    ] = None,
    output_stride: Annotated[int | None, typer.Option(help="Of the backbone: 8, 16, 32.")] = None,
    option: o.NetworkOption = None,
    attention: o.AttentionName = None,
    weights: o.Weights = None,
    weights_from: o.WeightsFrom = None,
    head_epochs: o.HeadEpochs = None,
    body_rate: o.BodyRate = None,
    reducer: o.ReducerOption = None,
    components: o.Components = None,
    epochs: o.Epochs = None,
    batch: o.Batch = None,
    crop: Annotated[int | None, typer.Option(help="Edge in pixels of training crops.")] = None,
    scales: Annotated[
        tuple[float, float] | None, typer.Option(help="Smallest and largest random scale.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="cross-entropy, focal, dice or cross-entropy+dice.")
    ] = None,
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
    order: Annotated[str | None, typer.Option("--split", help="order of names, or random.")] = None,
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
    """Train on images and masks, or on tiles of a scene; score on test images, write a report."""
    options = {key: value for key, value in locals().items() if key in PLACES}
    from spectile.cli.bars import pixels_bar
    from spectile.cli.label_table import print_label_counts
    from spectile.cli.printing import print_image_scores
    from spectile.runs.lifecycle import run
    from spectile.tasks.config import SegmentConfig
    from spectile.tasks.images.segment import SegmentTask
    from spectile.training.image_recipes import SEGMENT_RECIPES

    out = run_directory(out)
    base = base_of(
        config,
        out,
        SegmentConfig,
        named=images is not None or scene is not None,
        missing="name --images and --masks, or a --scene and its --labels.",
        resume=resume,
        overwrite=overwrite,
    )
    named = {"backbone": backbone, "output_stride": output_stride}
    given = {key: value for key, value in named.items() if value is not None}
    options["option"] = {**given, **(network_options(option) or {})} or None
    settings = resolved(options, PLACES, SegmentConfig, SEGMENT_RECIPES, base=base, recipe=recipe)
    task = SegmentTask()
    if finished_already(task, settings, out, resume=resume):
        return
    with pixels_bar("reading images", quiet=quiet) as progress:
        finished = run(
            task, settings, out, overwrite=overwrite, resume=resume, quiet=quiet, progress=progress
        )
    print_label_counts(finished.metrics.get("labels"))
    print_image_scores(finished.metrics, finished.extra_notes)
    print(f"Report: {out / 'report.html'}")
