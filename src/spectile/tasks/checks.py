"""Settings that can't be, found out before any data are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spectile import networks
from spectile.data.labels.legend import read_legend
from spectile.data.preprocessing.reducers import REDUCING
from spectile.errors import InputError
from spectile.networks.registry import Takes
from spectile.tasks.hardware import check_memory
from spectile.tasks.images.config import ImageConfig

BANDS, CLASSES, EDGE = 30, 2, 64
"""Of data that nobody has looked at yet; networks that need others say so when these are known."""

OTHERS: dict[Takes, str] = {"images": "se-resnet-18", "pixels": "deeplab-v3-plus"}
"""A network for those who chose one of another kind."""

_BANDS = re.compile(r"\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*")


def check_settings(*, bands: str | None, legend: str | None) -> None:
    """Raise InputError for what no data could make right: of all tasks."""
    if bands is not None:
        check_bands(bands)
    if legend is not None:
        read_legend(legend)


def check_bands(text: str) -> None:
    """Raise InputError unless a text names bands, as in 1-103,109."""
    if not _BANDS.fullmatch(text):
        raise InputError(
            f"--bands {text} can't be understood: write numbers and ranges, as in 1-103,109."
        )


def check_image_settings(config: ImageConfig, options: dict[str, Any], *, takes: Takes) -> None:
    """The same of a run on images, whose network has the arguments `options`.

    `takes` says whether it must classify images or their pixels, or find instances in them.
    """
    check_settings(bands=config.bands, legend=config.legend)
    if config.weights is not None and not Path(config.weights).is_file():
        raise InputError(
            f"There is no file {config.weights} to take weights from: give another one."
        )
    recipe = config.recipe
    check_kind(recipe.network, takes)
    bands = recipe.components if recipe.reducer in REDUCING else BANDS
    network = build_without_data(recipe.network, bands, options)
    check_memory(network)
    try:
        with torch.device("meta"):
            found = network.eval()(torch.empty(1, bands, EDGE, EDGE))
    except ValueError:
        return  # images of another size may do
    check_output(recipe.network, found, takes, EDGE, CLASSES)


def check_kind(name: str, takes: Takes) -> None:
    """Raise InputError where only one of a network and a task is for instances."""
    finds = networks.describe(name).takes == "instances"
    if finds and takes != "instances":
        other = OTHERS[takes]
        raise InputError(f"{name} finds instances: choose another network such as {other}.")
    if takes == "instances" and not finds:
        raise InputError(f"{name} finds no instances: choose another network such as blendmask.")


def check_output(name: str, found: Any, takes: Takes, edge: int, classes: int) -> None:
    """Raise InputError unless a network gave what its task wants for one image of `edge` pixels."""
    if takes == "instances":
        return  # what such networks give is their own: what trains them knows it
    wanted = (1, classes, edge, edge) if takes == "pixels" else (1, classes)
    if tuple(found.shape) == wanted:
        return
    what = "whole images, not pixels" if takes == "pixels" else "pixels, not whole images"
    raise InputError(f"{name} classifies {what}: choose another such as {OTHERS[takes]}.")


def build_without_data(name: str, bands: int, options: dict[str, Any]) -> nn.Module:
    """The network, without memory for its weights; InputError for arguments that it can't take."""
    with torch.device("meta"):
        try:
            return networks.create(name, bands=bands, classes=CLASSES, **options)
        except TypeError as error:
            raise InputError(
                f"{name} can't be built with {', '.join(f'{k}={v}' for k, v in options.items())}: "
                "correct the --option that is of another kind."
            ) from error
