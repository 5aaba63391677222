"""What all networks check of their arguments, before they build anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from spectile.blocks.attention import attention as attention_called
from spectile.errors import InputError
from spectile.ranges import Argument, Scale, check

Attention = Callable[[int], nn.Module] | str | None
"""A block's name, such as "eca", what builds a block for a number of channels, or no block."""

REPEATED = ("depth", "width", "scale", "convolutions")
"""Options that multiply layers or their parts."""


def check_sizes(network: str, bands: int, classes: int) -> None:
    """Raises InputError unless there is at least one band, and no negative number of classes."""
    if bands < 1 or classes < 0:
        raise InputError(
            f"{network} needs at least one band and one class (or 0 for features alone), not "
            f"{bands} and {classes}."
        )


def check_width(network: str, width: float) -> None:
    """Raises InputError unless the width multiplier is a number above 0, and no more than 100."""
    check(f"the width of {network}", width, Scale)


def check_numbers(network: str, options: Mapping[str, object]) -> None:
    """Raises InputError for numbers that no network has, before one is built of them."""
    for name, value in options.items():
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, int | float) and not isinstance(number, bool):
                kind = Scale if name in REPEATED else Argument
                check(f"{name.replace('_', ' ')} of {network}", number, kind)


def attention_builder(attention: Attention) -> Callable[[int], nn.Module] | None:
    """What builds the attention block; raises InputError for a name that no block has."""
    if not isinstance(attention, str):
        return attention
    try:
        return attention_called(attention)
    except ValueError as error:
        raise InputError(str(error)) from error


def check_single_pixel(network: str, window: int) -> None:
    """Raises InputError unless a classifier of single spectra is to see one pixel."""
    if window != 1:
        raise InputError(
            f"{network} looks at single spectra, not at windows of {window} pixels: choose "
            f"--recipe {network}, or --window 1."
        )
