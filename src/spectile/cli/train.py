"""`spectile train`, a command a task."""

from __future__ import annotations

import typer

from spectile.cli.train_classify import classify
from spectile.cli.train_scene import scene
from spectile.cli.train_segment import segment

train = typer.Typer(help="Train a network.", no_args_is_help=True)
train.command(
    epilog="Example: spectile train scene scene.hdr fields.gpkg --column crop --out runs/fields"
)(scene)
train.command(epilog="Example: spectile train classify --images photos --out runs/photos")(classify)
train.command(
    epilog="Example: spectile train segment --images tiles --masks masks --out runs/tiles"
)(segment)
