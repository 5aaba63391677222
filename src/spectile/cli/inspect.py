"""`spectile inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import BandsLast, Overwrite, OwnNetwork, Quiet, Seed, Threads, within


def inspect(
    model: Annotated[Path, typer.Argument(help="A run's model.safetensors.")],
    data: Annotated[
        str, typer.Argument(help="A scene, an image, a folder of images, or the run itself.")
    ],
    out: Annotated[Path, typer.Option(help="The folder for inspection.html and .json.")],
    labels: Annotated[
        str | None,
        typer.Option(help="Of a scene: raster, polygons or CSV; else classes are the model's."),
    ] = None,
    column: Annotated[str | None, typer.Option(help="Class column of vector labels.")] = None,
    samples: Annotated[
        int,
        typer.Option(
            callback=within("--samples", "Count"), help="Windows or images of each class at most."
        ),
    ] = 50,
    network: OwnNetwork = None,
    bands_last: BandsLast = None,
    seed: Seed = 0,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Show what goes on inside a network: gates, kernels, places, and the bands that matter."""
    from spectile.cli.bars import pixels_bar
    from spectile.cli.printing import print_notes
    from spectile.model.file import load
    from spectile.tasks.hardware import use_threads
    from spectile.tasks.inspection.inspection import inspect_model

    use_threads(threads)
    trained = load(model, network)
    with pixels_bar("hiding bands", quiet=quiet, then="writing the page") as progress:
        page, found = inspect_model(
            trained,
            data,
            out,
            labels=labels,
            column=column,
            count=samples,
            seed=seed,
            bands_last=bands_last,
            overwrite=overwrite,
            inputs=[model, data, *([labels] if labels else [])],
            progress=progress,
        )
    for line in found.in_words():
        print(line)
    print_notes(found.notes)
    print(f"Page: {page}")
