"""A network of one's own as people give it: a module, what builds one, or the code's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from spectile.errors import InputError
from spectile.named_code import is_named_code, load_named

Source = nn.Module | Callable[..., nn.Module]
"""A network, or a class or function that builds one."""


def is_code(network: object) -> bool:
    """Whether it names code: "mynets.py:SSRN" or "package.module:SSRN"."""
    return isinstance(network, str) and is_named_code(network)


def source_of(network: str | Source) -> Source:
    """The network, or its class or function; code that a text names is loaded.

    Raises InputError for a text that names none, for code that fails while it is imported, and for
    what is no network.
    """
    found: object = load_named(network) if isinstance(network, str) else network
    if isinstance(found, nn.Module) or callable(found):
        return found
    what = network if isinstance(network, str) else "the network"
    raise InputError(
        f"{what} is a {type(found).__name__}: give an nn.Module, or a class or function that "
        "builds one."
    )


def name_of(network: str | Source) -> str:
    """What a network is called: its class or function, or the name in a text."""
    if isinstance(network, str):
        return network.rpartition(":")[2] if is_code(network) else network
    if isinstance(network, nn.Module):
        return type(network).__name__
    named: Any = network
    while hasattr(named, "func"):  # functools.partial
        named = named.func
    return str(getattr(named, "__name__", type(named).__name__))
