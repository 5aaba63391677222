"""What every window computes for itself, on blocks of windows cut out of shared tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from spectile.compat.torch import tree_leaves
from spectile.mapping.dense.shared_tensors import Gated, Shared
from spectile.mapping.dense.window_cuts import OTHERWISE, Block, cut_windows

NUMBERS_AT_ONCE = 2**22
"""Of the largest tensor of a block; more would not stay in cache."""


class Tail:
    """The operations `nodes`, in order, from shared tensors to the network's `output`."""

    def __init__(
        self,
        inputs: Mapping[fx.Node, Shared | Gated],
        nodes: Sequence[fx.Node],
        output: fx.Node,
    ) -> None:
        self.inputs = dict(inputs)
        self.nodes = tuple(nodes)
        self.output = output
        self._done_with = _done_with(self.nodes, output)
        sizes = [_numbers(node) for node in (*self.inputs, *self.nodes)]
        self._together = max(1, NUMBERS_AT_ONCE // max(1, *sizes, 0))

    @property
    def workspace(self) -> int:
        """Bytes that a block takes at most, in single precision.

        Twice what its tensors hold: operations copy what lies otherwise in memory.
        """
        live = {node: _numbers(node) for node in self.inputs}
        most = sum(live.values())
        for node in self.nodes:
            live[node] = _numbers(node)
            most = max(most, sum(live.values()))
            for gone in self._done_with[node]:
                live.pop(gone, None)
        return 2 * 4 * self._together * most

    def __call__(self, tensors: Mapping[int, Tensor], height: int, width: int) -> Tensor:
        """What comes out, (height, width, numbers a window), from shared tensors by their slots."""
        rows, columns = max(1, self._together // width), min(width, self._together)
        compute = torch.func.vmap(self._of_window)
        lines = []
        for top in range(0, height, rows):
            line = []
            for left in range(0, width, columns):
                block = Block(top, left, min(rows, height - top), min(columns, width - left))
                windows = [
                    cut_windows(tensors, value, node.meta["value"].shape, block, height, width)
                    for node, value in self.inputs.items()
                ]
                line.append(compute(*windows).reshape(block.height, block.width, -1))
            lines.append(torch.cat(line, 1))
        return torch.cat(lines)

    def _of_window(self, *windows: Tensor) -> Tensor:
        """The operations on the tensors of one window."""
        known: dict[fx.Node, Any] = dict(zip(self.inputs, windows, strict=True))
        for node in self.nodes:
            arguments, keywords = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
            function = OTHERWISE.get(node.target, node.target)
            known[node] = function(*arguments, **keywords)
            for gone in self._done_with[node]:
                del known[gone]
        result = known[self.output]
        assert isinstance(result, Tensor)
        return result


def _numbers(node: fx.Node) -> int:
    """In the tensors that a node gives for one window."""
    tensors = [leaf for leaf in tree_leaves(node.meta["value"]) if isinstance(leaf, Tensor)]
    return sum(tensor.numel() for tensor in tensors)


def _done_with(nodes: Sequence[fx.Node], output: fx.Node) -> dict[fx.Node, list[fx.Node]]:
    """For each node what nothing reads after it."""
    done: dict[fx.Node, list[fx.Node]] = {}
    seen = {output}
    for node in reversed(nodes):
        last = [read for read in (*node.all_input_nodes, node) if read not in seen]
        seen.update(last)
        done[node] = last
    return done
