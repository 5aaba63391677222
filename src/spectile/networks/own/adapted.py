"""A network of one's own as the others are: it takes (N, bands, h, w) and gives logits alone."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from spectile.compat.torch import tree_leaves
from spectile.networks.own.layouts import Layout
from spectile.networks.wrapping import Around, outputs_of

Single = Literal["taken", "squeezed", "twice"]
"""A window alone is taken as others are, comes out without an axis of windows, or is given twice
because a network fails on one: many squeeze all axes of length 1 away."""


class AdaptedNetwork(Around):
    """Hands windows (N, bands, h, w) to `network` in its `layout` and picks its logits.

    `place` is that of the logits among the tensors that come out, counted through tuples, lists and
    dicts from 0. `single` says what is done about a window alone.
    """

    def __init__(
        self, network: nn.Module, layout: Layout, place: int = 0, single: Single = "taken"
    ) -> None:
        super().__init__(network)
        self.layout = layout
        self.place = place
        self.single = single
        self.also: tuple[str, ...] = ()
        """Other layouts that it takes, where the layout was found by trying."""
        self.several = False
        """It gives more than logits."""
        self.steady = True
        """It gives a window the same numbers in another batch."""

    def forward(self, x: Tensor) -> Tensor:
        doubled = self.single == "twice" and len(x) == 1
        given = x.expand(2, -1, -1, -1) if doubled else x
        logits: Tensor = leaves(self.network(*self.layout.arranged(given)))[self.place]
        if self.single == "squeezed":
            logits = logits.reshape(len(x), -1)
        return logits[0].unsqueeze(0) if doubled else logits

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
    """How the network called `name` is handed its windows, and what of it shows; None if usual."""
    found = adaptation_of(network)
    if found is None:
        return None
    usual = str(found.layout) == "NBHW" and not found.several
    told = [] if usual else [_on_layout(found, name)]
    if not found.steady:
        told.append(
            f"{name} gives a window other numbers from call to call, by chance or by what else is "
            "in its batch: its map and scores can't be made again exactly."
        )
    return " ".join(told) or None


def _on_layout(found: AdaptedNetwork, name: str) -> str:
    told = f"{name} gets its windows as {found.layout}"
    if found.several:
        told += f", and of what it gives tensor {found.place + 1} are its logits"
    if found.also:
        told += f"; it takes {' and '.join(found.also)} as well, to be chosen by --layout"
    return told + "."
