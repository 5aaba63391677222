"""What a network's tensors become when all windows share them, and the steps that make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor, nn

from spectile.mapping.dense.layout import Layout


@dataclass(frozen=True)
class Shared:
    """A tensor of which every window is a cut: the shared tensor's place, and how it is cut."""

    slot: int
    layout: Layout
    positive: bool = False
    """No number in it is below 0."""

    def at(self, layout: Layout) -> Shared:
        """The same numbers seen otherwise."""
        return replace(self, layout=layout)


@dataclass(frozen=True)
class Gated:
    """A sum of features, each times a gate that is the window's own.

    A gate is None, for features as they are, or has the features' stored parts, or none at all
    where it is one number a window.
    """

    terms: tuple[tuple[Shared, Shared | None], ...]

    @property
    def layout(self) -> Layout:
        return self.terms[0][0].layout

    def with_features(self, change: Callable[[Shared], object]) -> Gated | None:
        """The same gates on changed features, None if `change` gives none for one of them."""
        terms = []
        for features, gate in self.terms:
            changed = change(features)
            if not isinstance(changed, Shared):
                return None
            terms.append((changed, gate))
        return Gated(tuple(terms))


@dataclass(frozen=True)
class Joined:
    """Flattened tensors (1, F), constants among them, until a Linear takes them."""

    parts: tuple[Shared | Gated | Tensor, ...]


@dataclass(frozen=True)
class Own:
    """A tensor that every window has to itself; it is computed window by window."""


Value = Shared | Gated | Joined | Own


@dataclass
class DenseStep:
    """One computation on shared tensors."""

    kernel: nn.Module
    inputs: tuple[Shared, ...]
    output: int
    stored: tuple[int, ...]
    """Sizes of the output's axes behind rows and columns."""
    fresh: bool = True
    """The output is a tensor of its own and not a view of the input."""
    layer: str = ""
    """Of the network, that asked for it."""


def window_of(tensor: Tensor, layout: Layout, height: int, width: int) -> Tensor:
    """What `layout` needs of a shared tensor for height x width windows."""
    rows = height + (layout.extents[0] - 1) * layout.steps[0]
    columns = width + (layout.extents[1] - 1) * layout.steps[1]
    return tensor[:rows, :columns].reshape(rows, columns, *layout.sizes)


def slots_of(value: Value) -> list[int]:
    """The shared tensors that a value reads."""
    if isinstance(value, Shared):
        return [value.slot]
    if isinstance(value, Gated):
        return [part.slot for term in value.terms for part in term if part is not None]
    return []
