"""`spectile evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from spectile.cli.options import Align, BandsLast, Overwrite, OwnNetwork, Quiet, Threads
from spectile.errors import InputError


def evaluate(
    model: Annotated[Path, typer.Argument(help="A run's model.safetensors.")],
    scene: Annotated[str, typer.Argument(help="A scene with the same bands.")],
    labels: Annotated[str, typer.Argument(help="Labels: raster, polygons or CSV of points.")],
    column: Annotated[str | None, typer.Option(help="Class column of vector labels.")] = None,
    split: Annotated[
        str | None, typer.Option(help="A run's split.tif: score its test pixels only.")
    ] = None,
    numbers: Annotated[
        str | None,
        typer.Option(help="masks or map: whose numbers the labels have, where both fit."),
    ] = None,
    stress: Annotated[
        bool,
        typer.Option(
            "--stress", help="Score the scene under other light, noise, shifted and lost bands too."
        ),
    ] = False,
    align: Align = False,
    out: Annotated[Path | None, typer.Option(help="Write the scores to this JSON file.")] = None,
    network: OwnNetwork = None,
    bands_last: BandsLast = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Score a trained model on labels, of its own scene's test pixels or of another scene."""
    from spectile.cli.bars import pixels_bar
    from spectile.cli.certainty import print_areas
    from spectile.cli.label_table import print_label_counts
    from spectile.cli.printing import print_aligned, print_doubts, print_scores
    from spectile.data.readers.open import open_scene
    from spectile.files import check_ending, check_output
    from spectile.model.file import load
    from spectile.scoring.records import is_metrics, write_metrics
    from spectile.tasks.evaluation import evaluate_model
    from spectile.tasks.hardware import use_threads

    numbering = _numbering(numbers)
    if out is not None:
        check_ending(out, "scores", (".json",))
    use_threads(threads)
    trained = load(model, network)
    opened = open_scene(scene, bands_last=bands_last, bands=trained.scene_bands)
    if out is not None:
        inputs = [str(model), scene, labels, *opened.files, *([split] if split else [])]
        check_output(out, ours=is_metrics, overwrite=overwrite, inputs=inputs)
    opened = trained.as_trained(opened)
    if align:
        trained = print_aligned(trained, opened, quiet=quiet)
    print_doubts(trained, opened, quiet=quiet)
    with pixels_bar("mapping", quiet=quiet) as progress:
        metrics = evaluate_model(
            trained,
            opened,
            labels,
            column=column,
            split=split,
            numbering=numbering,
            stressed=stress,
            progress=progress,
        )
    print_label_counts(metrics.get("labels"))
    print_scores(metrics)
    print_areas(metrics["areas"])
    if out is not None:
        write_metrics(out, metrics)


def _numbering(text: str | None) -> Literal["masks", "map"] | None:
    if text == "masks":
        return "masks"
    if text == "map":
        return "map"
    if text is not None:
        raise InputError(f"--numbers {text} means nothing: say masks or map.")
    return None
