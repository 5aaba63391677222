"""The catalogue: networks by the names that commands and model files use."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from spectile.blocks import SqueezeExcitation
from spectile.errors import InputError
from spectile.networks.hybridsn import HybridSN


@dataclass(frozen=True)
class Entry:
    """What the catalogue knows of a network."""

    name: str
    summary: str
    paper: str
    build: Callable[..., nn.Module]


CATALOGUE = (
    Entry(
        "hybridsn",
        "3-D then 2-D convolutions over a window",
        "Roy et al. 2020, doi:10.1109/LGRS.2019.2918719",
        HybridSN,
    ),
    Entry(
        "hybridsn-se",
        "HybridSN with squeeze-and-excitation after the 2-D convolution",
        "Roy et al. 2020; Hu et al. 2018, arXiv:1709.01507",
        partial(HybridSN, attention=SqueezeExcitation),
    ),
)


def names() -> tuple[str, ...]:
    """The names that :func:`create` takes."""
    return tuple(entry.name for entry in CATALOGUE)


def describe(name: str) -> Entry:
    """What the catalogue knows of `name`; raises InputError for an unknown one."""
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    nearest = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else "choose one of " + ", ".join(names()) + "."
    raise InputError(f"There is no network called {name!r}: {hint}")


def create(name: str, *, bands: int, classes: int, **options: object) -> nn.Module:
    """Build a network with fresh weights: (N, bands, H, W) to logits (N, classes).

    `options` are the keyword arguments of the network, such as `window` of HybridSN; one that the
    network doesn't have raises InputError.
    """
    entry = describe(name)
    known = inspect.signature(entry.build).parameters
    for option in options:
        if option not in known:
            choices = ", ".join(key for key in known if key not in ("bands", "classes"))
            raise InputError(f"{name} has no option {option!r}: it knows {choices}.")
    return entry.build(bands=bands, classes=classes, **options)
