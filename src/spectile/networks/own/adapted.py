"""A network of one's own as the others are: it takes (N, bands, h, w) and gives logits alone."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from spectile.compat.torch import tree_leaves
from spectile.networks.own.layouts import Layout
from spectile.networks.wrapping import Around, outputs_of


class AdaptedNetwork(Around):
    """Hands windows (N, bands, h, w) to `network` in its `layout` and picks its logits.

    `place` is that of the logits among the tensors that come out, counted through tuples, lists and
    dicts from 0.
    """

    def __init__(self, network: nn.Module, layout: Layout, place: int = 0) -> None:
        super().__init__(network)
        self.layout = layout
        self.place = place
        self.also: tuple[str, ...] = ()
        """Other layouts that it takes, where the layout was found by trying."""
        self.several = False
        """It gives more than logits."""

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = leaves(self.network(*self.layout.arranged(x)))[self.place]
        return logits

    def outputs(self, windows: Tensor) -> Any:
        """All that the network gives, as it gives it, for a loss of one's own."""
        return outputs_of(self.network, *self.layout.arranged(windows))


def leaves(outputs: Any) -> list[Any]:
    """The parts of a network's outputs, in order."""
    return list(tree_leaves(outputs))


def adaptation_of(network: nn.Module) -> AdaptedNetwork | None:
    """What hands a network, or the network in it, its windows; None where nothing has to."""
    while isinstance(network, Around) and not isinstance(network, AdaptedNetwork):
        network = network.network
    return network if isinstance(network, AdaptedNetwork) else None


def notice_of_layout(network: nn.Module, name: str) -> str | None:
    """One sentence on how the network called `name` is handed its windows; None for the usual."""
    found = adaptation_of(network)
    if found is None:
        return None
    told = f"{name} gets its windows as {found.layout}"
    if found.several:
        told += f", and of what it gives tensor {found.place + 1} are its logits"
    if found.also:
        told += f"; it takes {' and '.join(found.also)} as well, to be chosen by --layout"
    return told + "."
