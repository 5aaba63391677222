"""A window network on all windows of a scene at once."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, fx, nn

from spectile.errors import InputError
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.lowering import Program, lower
from spectile.mapping.dense.plan import Plan
from spectile.mapping.dense.recording import record
from spectile.mapping.dense.refusal import NotShareableError
from spectile.mapping.dense.rules import RULES
from spectile.mapping.dense.shared_tensors import Own, Shared, slots_of, window_of
from spectile.mapping.dense.window_cuts import OTHERWISE, Block, cut_windows

NUMBERS_AT_ONCE = 2**22
"""Of the largest tensor of what windows compute for themselves; more would not stay in cache."""
LEAST_SPEED_UP = 1.2
"""Below it sharing isn't worth its trouble."""


class DenseNetwork(nn.Module):
    """Maps (1, bands, H + h - 1, W + w - 1) to (1, classes, H, W), the logits of every window.

    It has the weights that `network` had when it was made.
    """

    def __init__(self, network: nn.Module, window: tuple[int, int], bands: int) -> None:
        super().__init__()
        self.window = window
        # Without autograd's record of what the constants are made of.
        with torch.inference_mode(False), torch.no_grad():
            program = lower(record(network, window, bands), RULES, bands, window)
        _check_worth(program, window)
        self._follow(program, bands)

    def _follow(self, program: Program, bands: int) -> None:
        self.bands = bands
        self._program = program
        self._last_use = _last_uses(program)
        self.kernels = nn.ModuleList(step.kernel for step in program.steps)
        self.eval()

    @property
    def layers(self) -> tuple[str, ...]:
        """For each of `kernels` the layer that it computes, or part of it."""
        return tuple(step.layer for step in self._program.steps)

    @property
    def plan(self) -> Plan:
        """What is shared and what it saves; print it."""
        return self._program.plan

    @property
    def bytes_a_pixel(self) -> int:
        """About the most memory that computing takes, a pixel of the scene."""
        most, live = 0, {0: self.bands}
        for place, step in enumerate(self._program.steps):
            live[step.output] = math.prod(step.stored)
            most = max(most, sum(live.values()))
            live = {slot: size for slot, size in live.items() if self._last_use[slot] > place}
        return 4 * most

    def workspace(self, edge: int) -> int:
        """Bytes that computing a square of the scene takes besides."""
        kernels = [kernel for kernel in self.kernels if isinstance(kernel, WindowProduct)]
        tail = 6 * 4 * NUMBERS_AT_ONCE if self._program.own_nodes else 0
        return max([tail, *(kernel.workspace(edge) for kernel in kernels)])

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[:2] != (1, self.bands):
            raise InputError(
                f"this module maps (1, {self.bands}, rows, columns), not {tuple(x.shape)}: "
                "densify the network with the bands of the scene."
            )
        if x.shape[2] < self.window[0] or x.shape[3] < self.window[1]:
            raise InputError(
                f"a scene of {x.shape[2]} x {x.shape[3]} pixels is smaller than its window of "
                f"{self.window[0]} x {self.window[1]}: pad it by half a window on each side."
            )
        height = x.shape[2] - self.window[0] + 1
        width = x.shape[3] - self.window[1] + 1
        tensors: dict[int, Tensor] = {0: x[0].permute(1, 2, 0)}
        for place, step in enumerate(self._program.steps):
            inputs = [window_of(tensors[v.slot], v.layout, height, width) for v in step.inputs]
            for slot in [slot for slot in tensors if self._last_use[slot] <= place]:
                del tensors[slot]
            tensors[step.output] = step.kernel(*inputs)
            del inputs
        result = self._program.result
        if isinstance(result, Own):
            return self._window_by_window(tensors, height, width)
        assert isinstance(result, Shared)
        logits = window_of(tensors[result.slot], result.layout, height, width)
        return logits.reshape(height, width, -1).permute(2, 0, 1)[None]

    def _window_by_window(self, tensors: dict[int, Tensor], height: int, width: int) -> Tensor:
        """What windows don't share, on blocks of rows of them."""
        program = self._program
        values = [node.meta["value"] for node in (*program.inputs, *program.own_nodes)]
        largest = max(value.numel() for value in values if isinstance(value, Tensor))
        together = max(1, NUMBERS_AT_ONCE // largest)
        rows, columns = max(1, together // width), min(width, together)
        compute = torch.func.vmap(self._own_part)
        lines = []
        for top in range(0, height, rows):
            line = []
            for left in range(0, width, columns):
                block = Block(top, left, min(rows, height - top), min(columns, width - left))
                windows = [
                    cut_windows(tensors, value, node.meta["value"].shape, block, height, width)
                    for node, value in program.inputs.items()
                ]
                line.append(compute(*windows).reshape(block.height, block.width, -1))
            lines.append(torch.cat(line, 1))
        return torch.cat(lines).permute(2, 0, 1)[None]

    def _own_part(self, *windows: Tensor) -> Tensor:
        """The rest of the network, on the tensors of one window."""
        known: dict[fx.Node, Any] = dict(zip(self._program.inputs, windows, strict=True))
        for node in self._program.own_nodes:
            arguments, keywords = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
            function = OTHERWISE.get(node.target, node.target)
            known[node] = function(*arguments, **keywords)
        result = known[self._program.output]
        assert isinstance(result, Tensor)
        return result


def _check_worth(program: Program, window: tuple[int, int]) -> None:
    if program.reason and program.plan.speed_up < LEAST_SPEED_UP and window != (1, 1):
        layer, what = program.reason
        raise NotShareableError.of(layer, what, shared=program.plan.share)


def _last_uses(program: Program) -> dict[int, int]:
    """For each slot the last step that reads it; what is read at the end is kept."""
    last = {0: -1}
    for place, step in enumerate(program.steps):
        last[step.output] = place
        for value in step.inputs:
            last[value.slot] = place
    for kept in (program.result, *program.inputs.values()):
        for read in slots_of(kept):
            last[read] = len(program.steps)
    return last
