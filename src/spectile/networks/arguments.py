"""What all networks check of their arguments, before they build anything."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from spectile.blocks.attention import attention as attention_called
from spectile.errors import InputError

Attention = Callable[[int], nn.Module] | str | None
"""A block's name, such as "eca", what builds a block for a number of channels, or no block."""


def check_sizes(network: str, bands: int, classes: int) -> None:
    """Raises InputError unless there is at least one band, and no negative number of classes."""
    if bands < 1 or classes < 0:
        raise InputError(
            f"{network} needs at least one band and one class (or 0 for features alone), not "
            f"{bands} and {classes}."
        )


def check_width(network: str, width: float) -> None:
    """Raises InputError unless the width multiplier is above 0."""
    if not width > 0:
        raise InputError(f"{network} can't have a width of {width}: choose a number above 0.")


def attention_builder(attention: Attention) -> Callable[[int], nn.Module] | None:
    """What builds the attention block; raises InputError for a name that no block has."""
    if not isinstance(attention, str):
        return attention
    try:
        return attention_called(attention)
    except ValueError as error:
        raise InputError(str(error)) from error
