"""Tensors that share their memory while a network is recorded.

What is written into a view of a tensor changes the tensor and all other views of it. In a graph
nothing changes: the tensor becomes one with the piece put in (`slice_scatter` and the like), and
other views are taken from that anew when they are read next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from spectile.compat.torch import argument_names, storage_number, tree_leaves

Reference = fx.Node | Tensor
"""What a tensor is in the graph: the node that gives it, or a constant."""
Emit = Callable[[Any, tuple[Any, ...], Tensor], fx.Node]
"""Adds a node for an operation, its arguments and the tensor that it gives."""

ATEN = torch.ops.aten
_PIECES = {"split", "split_with_sizes"}
_APART = {"unsafe_split", "unsafe_split_with_sizes"}
"""Whoever calls them promises not to read the whole once a piece is changed."""
_REGROUPED = {"view", "_unsafe_view", "_reshape_alias", "squeeze", "unsqueeze"}
_SAME = {"detach", "alias", "lift", "lift_fresh"}
_SCATTER = {"slice": ATEN.slice_scatter.default, "select": ATEN.select_scatter.default}


@dataclass
class View:
    """How a tensor was made of one in whose memory it lies."""

    parent: Tensor
    operation: Any
    rest: tuple[Any, ...]
    """Its arguments behind the parent."""
    version: int
    """Of the memory, when the tensor's node was made."""


class SharedMemory:
    """Which tensors are views, and what each is in the graph now."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        # By identity; the tensors are kept, so that no other one gets the same id.
        self._nodes: dict[int, fx.Node] = {}
        self._views: dict[int, View] = {}
        self._versions: dict[int, int] = {}
        self._kept: list[Tensor] = []

    def note(self, tensor: Tensor, node: fx.Node) -> None:
        """`node` gives this tensor."""
        self._nodes[id(tensor)] = node
        self._kept.append(tensor)

    def node(self, tensor: Tensor) -> fx.Node | None:
        """The node that gives what is in the tensor now; None for a constant."""
        view = self._views.get(id(tensor))
        version = self._versions.get(storage_number(tensor.untyped_storage()), 0)
        if view is not None and view.version != version:
            parent = self.node(view.parent)
            self._nodes.pop(id(tensor), None)
            if parent is not None:
                same = view.operation is None
                made = parent if same else self._emit(view.operation, (parent, *view.rest), tensor)
                self._nodes[id(tensor)] = made
            view.version = version
        return self._nodes.get(id(tensor))

    def note_views(self, operation: Any, args: tuple[Any, ...], out: Any) -> None:
        """Remember what of `out` lies in the memory of the first argument."""
        name = operation.overloadpacket.__name__
        if not args or not isinstance(args[0], Tensor) or name in _APART:
            return
        parent, storage = args[0], storage_number(args[0].untyped_storage())
        for place, tensor in enumerate([out] if isinstance(out, Tensor) else out):
            if not isinstance(tensor, Tensor) or tensor is parent:
                continue
            if storage_number(tensor.untyped_storage()) == storage:
                made = _piece(operation, name, args, out, place)
                view = View(parent, *made, self._versions.get(storage, 0))
                self._views[id(tensor)] = view
                self._kept += [tensor, parent]

    def stand_in(self, tensor: Tensor) -> Tensor:
        """Another tensor in place of one that is about to get another shape."""
        old = tensor.detach()
        for view in self._views.values():
            if view.parent is tensor:
                view.parent = old
        if id(tensor) in self._nodes:
            self._nodes[id(old)] = self._nodes.pop(id(tensor))
        if id(tensor) in self._views:
            self._views[id(old)] = self._views.pop(id(tensor))
        self._kept += [old, tensor]
        return old

    def before_change(self, tensor: Tensor) -> list[Reference]:
        """What a tensor, and all that it is a view of, are before it is written into."""
        return [self.node(t) or t.clone() for t in self._line(tensor)]

    def changed(self, tensor: Tensor, now: Reference, before: Sequence[Reference]) -> bool:
        """The tensor was written into and is `now`; False where its view can't be put back.

        `before` is what :meth:`before_change` gave.
        """
        line = self._line(tensor)
        storage = storage_number(tensor.untyped_storage())
        version = self._versions[storage] = self._versions.get(storage, 0) + 1
        for child, parent, was in zip(line, line[1:], before[1:], strict=False):
            self._settle(child, now, version)
            put_back = self._put_back(self._views[id(child)], parent, was, now)
            if put_back is None:
                return False
            now = put_back
        self._settle(line[-1], now, version)
        return True

    def _line(self, tensor: Tensor) -> list[Tensor]:
        """The tensor, what it is a view of, and so on."""
        line = [tensor]
        while id(line[-1]) in self._views:
            line.append(self._views[id(line[-1])].parent)
        return line

    def _settle(self, tensor: Tensor, now: Reference, version: int) -> None:
        if isinstance(now, fx.Node):
            self.note(tensor, now)
        else:
            self._nodes.pop(id(tensor), None)
        if id(tensor) in self._views:
            self._views[id(tensor)].version = version

    def _put_back(
        self, view: View, parent: Tensor, was: Reference, now: Reference
    ) -> Reference | None:
        """The parent with the view's new numbers in their place."""
        if view.operation is None:
            return now
        name = view.operation.overloadpacket.__name__
        if name in _SCATTER:
            return self._emit(_SCATTER[name], (was, now, *view.rest), parent)
        if name in _REGROUPED:
            return self._emit(ATEN.reshape.default, (now, list(parent.shape)), parent)
        if name in ("transpose", "t"):
            axes = view.rest or (0, parent.ndim - 1)
            return self._emit(ATEN.transpose.int, (now, *axes), parent)
        if name == "permute":
            order = [axis % parent.ndim for axis in view.rest[0]]
            back = [order.index(axis) for axis in range(parent.ndim)]
            return self._emit(ATEN.permute.default, (now, back), parent)
        return None


def _piece(
    operation: Any, name: str, args: tuple[Any, ...], out: Any, place: int
) -> tuple[Any, tuple[Any, ...]]:
    """One of several views as a slice of its own; None as operation for the tensor itself."""
    if name in _SAME:
        return None, ()
    given = dict(zip(argument_names(operation), args, strict=False))
    if name == "slice":
        axis = given.get("dim", 0)
        where = slice(given.get("start"), given.get("end"), given.get("step", 1))
        return operation, (axis, *where.indices(args[0].shape[axis]))
    if name in _PIECES:
        axis = given.get("dim", 0)
        start = sum(piece.shape[axis] for piece in out[:place])
        return ATEN.slice.Tensor, (axis, start, start + out[place].shape[axis])
    if name == "unbind":
        return ATEN.select.int, (args[1] if len(args) > 1 else 0, place)
    return operation, args[1:]


def without_later_changes(graph: fx.Graph, tensor: Tensor) -> None:
    """Give the graph copies of a constant that is about to be written into."""
    storage = storage_number(tensor.untyped_storage())

    def kept(argument: Any) -> Any:
        shares = (
            isinstance(argument, Tensor) and storage_number(argument.untyped_storage()) == storage
        )
        return argument.clone() if shares else argument

    for node in graph.nodes:
        if any(kept(leaf) is not leaf for leaf in tree_leaves((node.args, node.kwargs))):
            node.args = fx.node.map_aggregate(node.args, kept)
            node.kwargs = fx.node.map_aggregate(node.kwargs, kept)
