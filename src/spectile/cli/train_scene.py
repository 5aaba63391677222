"""`spectile train scene`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import Overwrite, Quiet, Resume, Threads
from spectile.cli.resolving import (
    base_of,
    finished_already,
    places,
    resolved,
    run_directory,
)

PLACES = {
    **places(
        top="scene labels bands_last column legend bands fit_on padding seed repeats",
        recipe="network attention spectral_branch window reducer components whitening epochs batch "
        "optimizer learning_rate patience class_weights turns spectral_shift mixup "
        "label_smoothing shared",
        split="train validation guard block",
        map="method memory probabilities entropy",
        hardware="accelerator devices precision threads",
    ),
    "split": ("split", "kind"),
    "split_file": ("split", "files"),
}


def scene(
    scene: Annotated[str | None, typer.Argument(help="GeoTIFF, ENVI, MATLAB, NumPy ...")] = None,
    labels: Annotated[
        str | None, typer.Argument(help="Raster, polygons, or CSV of points.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run directory.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="The config.yaml of a run, to run it again.")
    ] = None,
    bands_last: Annotated[
        bool | None,
        typer.Option("--bands-last/--bands-first", help="Axis of the bands in arrays."),
    ] = None,
    column: Annotated[str | None, typer.Option(help="Class column of vector labels.")] = None,
    legend: Annotated[str | None, typer.Option(help="CSV of value, name, color.")] = None,
    bands: Annotated[str | None, typer.Option(help="Bands to use, from 1: 1-103,109.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Settings to start from: best (default) or paper.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="See spectile models.")] = None,
    attention: Annotated[
        str | None, typer.Option(help="A block before the classifier: se, cbam, scse ...")
    ] = None,
    spectral_branch: Annotated[
        float | None, typer.Option(help="Share of a classifier of the pixel's spectrum; 0: none.")
    ] = None,
    window: Annotated[int | None, typer.Option(help="Edge of a window in pixels, odd.")] = None,
    reducer: Annotated[
        str | None, typer.Option(help="pca, correlation-pca, mnf, standardise or none.")
    ] = None,
    components: Annotated[int | None, typer.Option(help="Components at most.")] = None,
    whitening: Annotated[
        float | None, typer.Option(help="Of PCA's components: 1 fully, 0 not at all.")
    ] = None,
    fit_on: Annotated[
        str | None, typer.Option(help="train, or scene: as papers do, and it leaks.")
    ] = None,
    padding: Annotated[str | None, typer.Option(help="At borders: reflect or zero.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Times over the training pixels.")] = None,
    batch: Annotated[int | None, typer.Option(help="Windows a step.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam or muon.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of Adam; Muon's follow.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without a better validation.")
    ] = None,
    class_weights: Annotated[
        bool | None, typer.Option("--class-weights/--no-class-weights", help="Favour rare classes.")
    ] = None,
    turns: Annotated[
        bool | None, typer.Option("--turns/--no-turns", help="Flip and turn windows.")
    ] = None,
    spectral_shift: Annotated[
        float | None, typer.Option(help="Shift spectra at random, as they differ within a class.")
    ] = None,
    mixup: Annotated[
        float | None, typer.Option(help="Parameter of mixing windows' features; 0: don't.")
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="Share of a label given to all classes.")
    ] = None,
    shared: Annotated[
        bool | None,
        typer.Option("--shared/--no-shared", help="Train on parts of the scene: faster."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="blocks, random or file.")] = None,
    split_file: Annotated[
        list[str] | None, typer.Option(help="A raster of 0 to 3, or twice: train and test labels.")
    ] = None,
    train: Annotated[float | None, typer.Option(help="Share of the training side.")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the training side that picks the epoch.")
    ] = None,
    guard: Annotated[
        int | None, typer.Option(help="Pixels kept free between training and test.")
    ] = None,
    block: Annotated[int | None, typer.Option(help="Edge of a block in pixels.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Runs, for mean and deviation.")] = None,
    method: Annotated[str | None, typer.Option(help="Mapping: dense or patches.")] = None,
    memory: Annotated[float | None, typer.Option(help="GB one part of the map may take.")] = None,
    probabilities: Annotated[
        bool | None, typer.Option("--probabilities", help="Write each class's share.")
    ] = None,
    entropy: Annotated[bool | None, typer.Option("--entropy", help="Write uncertainty.")] = None,
    accelerator: Annotated[str | None, typer.Option(help="auto, cpu, gpu.")] = None,
    devices: Annotated[int | None, typer.Option(help="How many, by DDP.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, 32-true, bf16-mixed.")] = None,
    threads: Threads = None,
    seed: Annotated[int | None, typer.Option(help="Where all chance starts from.")] = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Train on a scene and its labels, map it, score it and write a report."""
    options = {key: value for key, value in locals().items() if key in PLACES}
    from spectile.cli.bars import pixels_bar
    from spectile.cli.label_table import print_label_counts
    from spectile.cli.printing import print_scores
    from spectile.runs.lifecycle import run
    from spectile.tasks.config import SceneConfig
    from spectile.tasks.scene.task import SceneTask
    from spectile.training.recipes import RECIPES

    out = run_directory(out)
    base = base_of(
        config,
        out,
        SceneConfig,
        named=scene is not None,
        missing="name a scene and its labels, or a --config.",
        resume=resume,
        overwrite=overwrite,
    )
    settings = resolved(options, PLACES, SceneConfig, RECIPES, base=base, recipe=recipe)
    task = SceneTask()
    if finished_already(task, settings, out, resume=resume):
        return
    with pixels_bar("mapping", quiet=quiet) as progress:
        finished = run(
            task, settings, out, overwrite=overwrite, resume=resume, quiet=quiet, progress=progress
        )
    print_label_counts(finished.metrics.get("labels"))
    print_scores(finished.metrics, finished.extra_notes)
    print(f"Report: {out / 'report.html'}")
