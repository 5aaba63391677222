"""What comes into parts of a network while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from spectile.networks.insertion import StartsAsIdentity
from spectile.networks.wrapping import named_modules


@contextmanager
def watched(parts: Mapping[str, nn.Module], see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Meanwhile `see` is called with the name of each part that runs and with its first input."""

    def hook(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def before(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            with torch.no_grad():
                see(name, inputs[0])

        return before

    handles = [part.register_forward_pre_hook(hook(name)) for name, part in parts.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def parts_of(network: nn.Module, kind: type[Any]) -> dict[str, Any]:
    """The parts of a network that are of some kind, by the names that its author knows."""
    return {name: part for name, part in named_modules(network) if isinstance(part, kind)}


def strength_of(network: nn.Module, name: str) -> float:
    """How much a block counts: 1, but of one that was inserted as an identity its alpha."""
    around = dict(named_modules(network)).get(name.rpartition(".")[0])
    return float(around.alpha.detach()) if isinstance(around, StartsAsIdentity) else 1.0
