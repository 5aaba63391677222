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
from spectile.tasks.hardware import check_memory
from spectile.tasks.images.config import ImageConfig

BANDS, CLASSES, EDGE = 30, 2, 64
"""Of data that nobody has looked at yet; networks that need others say so when these are known."""

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


def check_image_settings(config: ImageConfig, options: dict[str, Any], *, pixels: bool) -> None:
    """The same of a run on images, whose network has the arguments `options`.

    `pixels` says whether it must classify every pixel, or whole images.
    """
    check_settings(bands=config.bands, legend=config.legend)
    if config.weights is not None and not Path(config.weights).is_file():
        raise InputError(
            f"There is no file {config.weights} to take weights from: give another one."
        )
    recipe = config.recipe
    bands = recipe.components if recipe.reducer in REDUCING else BANDS
    network = build_without_data(recipe.network, bands, options)
    check_memory(network)
    try:
        with torch.device("meta"):
            found = network.eval()(torch.empty(1, bands, EDGE, EDGE)).shape
    except ValueError:
        return  # images of another size may do
    check_output(recipe.network, found, (EDGE, EDGE) if pixels else None, CLASSES)


def check_output(
    name: str, found: tuple[int, ...], pixels: tuple[int, int] | None, classes: int
) -> None:
    """Raise InputError unless a network gave a class for an image, or for each of its `pixels`."""
    if tuple(found) == (1, classes, *(pixels or ())):
        return
    what, other = "pixels, not whole images", "se-resnet-18"
    if pixels:
        what, other = "whole images, not pixels", "deeplab-v3-plus"
    raise InputError(f"{name} classifies {what}: choose another such as {other}.")


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
