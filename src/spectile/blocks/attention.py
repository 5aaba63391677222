"""The attention blocks by name: each takes channels and keeps a map's shape, so any fits."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

from spectile.plugins import installed

GROUP = "spectile.blocks"
"""Of entry points; each names a module, or something in one, whose import enters blocks."""

Build = Callable[[int], nn.Module]
Built = TypeVar("Built", bound=Callable[..., nn.Module])

_ENTRIES: dict[str, Build] = {}


def attention_block(name: str) -> Callable[[Built], Built]:
    """A decorator that enters an attention block under `name`.

    What it decorates builds one for a number of channels: a module from (N, C, H, W) to
    (N, C, H, W). Raises ValueError for a name that another block has.
    """

    def enter(build: Built) -> Built:
        known = _ENTRIES.get(name)
        if known is not None and _source(known) != _source(build):
            raise ValueError(f"there is a block called {name} already, of {_source(known)}")
        _ENTRIES[name] = build
        return build

    return enter


def attention(name: str) -> Build:
    """What builds the block `name` for a number of channels; raises ValueError for an unknown."""
    if name in ATTENTION:
        return ATTENTION[name]
    nearest = difflib.get_close_matches(name.lower(), ATTENTION, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"choose one of {', '.join(ATTENTION)}."
    raise ValueError(f"There is no attention block called {name!r}: {hint}")


class _ByName(Mapping[str, Build]):
    """The blocks of this folder and of other packages; those are asked for what isn't ours."""

    def __getitem__(self, name: str) -> Build:
        _load_own()
        if name not in _ENTRIES:
            _load_plugins()
        return _ENTRIES[name]

    def __iter__(self) -> Iterator[str]:
        _load_own()
        _load_plugins()
        return iter(tuple(_ENTRIES))

    def __len__(self) -> int:
        return len(tuple(iter(self)))


ATTENTION: Mapping[str, Build] = _ByName()
"""What builds each block, by its name."""


@runtime_checkable
class GatesChannels(Protocol):
    """A block that says what it multiplies channels by, so that it can be shown."""

    def channel_gates(self, x: Tensor) -> Tensor:
        """Of maps (N, C, H, W) the gates (N, C, 1, 1)."""
        ...


@runtime_checkable
class WeighsPlaces(Protocol):
    """A block that says which positions it attends to, so that it can be shown."""

    def place_weights(self, x: Tensor) -> Tensor:
        """Of maps (N, C, H, W) one or more maps of weights (N, M, h, w), perhaps coarser."""
        ...


def _source(build: Callable[..., nn.Module]) -> str:
    """Where it is defined: a cell of a notebook that is run again defines the same once more."""
    return f"{build.__module__}.{build.__qualname__}"


@cache
def _load_own() -> None:
    package = importlib.import_module("spectile.blocks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


@cache
def _load_plugins() -> None:
    for _ in installed(GROUP, object):
        pass  # imported, and so entered
