"""The commands, each importing what it needs when it is called: help comes at once."""

from __future__ import annotations

import typer

from spectile.cli.compare import compare
from spectile.cli.datasets import datasets
from spectile.cli.demo import demo
from spectile.cli.evaluate import evaluate
from spectile.cli.info import info
from spectile.cli.map_command import map_
from spectile.cli.models import models
from spectile.cli.predict import predict
from spectile.cli.train import train

app = typer.Typer(
    help="From a hyperspectral or multiband image and a few labels to a map, "
    "and an honest word on how far to trust it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="Example: spectile demo --out runs/demo")(demo)
app.command(epilog="Example: spectile info scene.hdr --quicklook scene.png")(info)
app.add_typer(train, name="train")
app.command("map", epilog="Example: spectile map runs/a/model.safetensors scene.tif map.tif")(map_)
app.command(epilog="Example: spectile predict runs/a/model.safetensors photos --out classes.csv")(
    predict
)
app.command(epilog="Example: spectile evaluate runs/a/model.safetensors scene.tif labels.gpkg")(
    evaluate
)
app.command(epilog="Example: spectile compare runs/a runs/b --out comparison.html")(compare)
app.command(epilog="Example: spectile models mobilenet-v1 --width 0.5 --size 160")(models)
app.command(epilog="Example: spectile datasets")(datasets)
