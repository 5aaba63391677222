"""The commands, each importing what it needs when it is called: help comes at once."""

from __future__ import annotations

from typing import Annotated

import typer

from spectile.cli.card import card
from spectile.cli.compare import compare
from spectile.cli.datasets import datasets
from spectile.cli.demo import demo
from spectile.cli.evaluate import evaluate
from spectile.cli.export import export
from spectile.cli.grouped_help import GroupedCommand, PlainGroup
from spectile.cli.info import info
from spectile.cli.inspect import inspect
from spectile.cli.map_command import map_
from spectile.cli.models import models
from spectile.cli.predict import predict
from spectile.cli.train import train
from spectile.cli.view import view

app = typer.Typer(
    help="From a hyperspectral or multiband image and a few labels to a map, "
    "and an honest word on how far to trust it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=PlainGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from spectile import __version__

        print(f"spectile {__version__}")
        raise typer.Exit


@app.callback()
def _spectile(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


for function, name, example in (
    (demo, "demo", "demo --out runs/demo"),
    (info, "info", "info scene.hdr --quicklook scene.png"),
    (map_, "map", "map runs/a/model.safetensors scene.tif map.tif"),
    (predict, "predict", "predict runs/a/model.safetensors photos --out classes.csv"),
    (evaluate, "evaluate", "evaluate runs/a/model.safetensors scene.tif labels.gpkg"),
    (export, "export", "export runs/a/model.safetensors model.onnx --dense"),
    (card, "card", "card runs/a/model.safetensors --licence CC-BY-4.0"),
    (compare, "compare", "compare runs/a runs/b --out comparison.html"),
    (view, "view", "view runs/a"),
    (inspect, "inspect", "inspect runs/a/model.safetensors runs/a --out looks/a"),
    (models, "models", "models mobilenet-v1 --width 0.5 --size 160"),
    (datasets, "datasets", "datasets"),
):
    app.command(name, epilog=f"Example: spectile {example}", cls=GroupedCommand)(function)
app.add_typer(train, name="train")
