"""A window network on all windows of a scene at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.dense.lowering import Program, lower
from spectile.mapping.dense.plan import Plan
from spectile.mapping.dense.recording import record
from spectile.mapping.dense.refusal import NotShareableError
from spectile.mapping.dense.rules import RULES
from spectile.mapping.dense.shared_tensors import Own, Shared, slots_of, window_of
from spectile.mapping.dense.tail import Tail

NUMBERS_AT_ONCE = 2**21
"""Of the largest tensor of some rows of pixels without windows; more would not stay in cache."""
PIXELS_A_STEP = 2
"""Fewer for each step of a recurrent layer's hundreds, and calling them would take the time."""
LEAST_SPEED_UP = 1.2
"""Below it sharing isn't worth its trouble where windows have a tail of their own."""


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
        _check_worth(program)
        self._follow(program, bands)

    def _follow(self, program: Program, bands: int) -> None:
        self.bands = bands
        self._program = program
        self._last_use = _last_uses(program)
        self._tail = None
        if isinstance(program.result, Own):
            self._tail = Tail(program.inputs, program.own_nodes, program.output)
        self._pixelwise = _pixelwise_from(program)
        self._alive = self._numbers_alive()
        self.kernels = nn.ModuleList(step.kernel for step in program.steps)
        self.eval()

    @property
    def layers(self) -> tuple[str, ...]:
        """For each of `kernels` the layer that it computes, or part of it."""
        return tuple(step.layer for step in self._program.steps)

    @property
    def program(self) -> Program:
        """The steps, and what they work on."""
        return self._program

    @property
    def plan(self) -> Plan:
        """What is shared and what it saves; print it."""
        return self._program.plan

    @property
    def bytes_a_pixel(self) -> int:
        """About the most memory that computing takes, a pixel of the scene."""
        logits = int(self._program.output.meta["value"].numel())
        kept = self._alive[self._pixelwise] if self._pixelwise < len(self._alive) else 0
        return 4 * max([kept + logits, *self._alive[: self._pixelwise]])

    def workspace(self, edge: int) -> int:
        """Bytes that computing a square of the scene takes besides."""
        pixels = min(edge, self._rows_at_once(edge)) * edge
        blocks = [self._tail.workspace] if self._tail else []
        blocks += [4 * pixels * alive for alive in self._alive[self._pixelwise :]]
        kernels = [kernel for kernel in self.kernels if isinstance(kernel, WindowProduct)]
        return max([0, *blocks, *(kernel.workspace(edge) for kernel in kernels)])

    def _numbers_alive(self) -> list[int]:
        """Numbers a pixel in memory at once, at each step."""
        alive, live = [], {0: self.bands}
        for place, step in enumerate(self._program.steps):
            live[step.output] = math.prod(step.stored)
            alive.append(sum(live.values()))
            live = {slot: size for slot, size in live.items() if self._last_use[slot] > place}
        return alive

    def _rows_at_once(self, width: int) -> int:
        """Rows of pixels that steps without windows compute together, to stay in cache."""
        steps = self._program.steps[self._pixelwise :]
        largest = max([1, *(math.prod(step.stored) for step in steps)])
        pixels = max(NUMBERS_AT_ONCE // largest, PIXELS_A_STEP * len(steps))
        return max(1, pixels // width)

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
        self._run(range(self._pixelwise), tensors, height, width)
        if self._tail:
            logits = self._tail(tensors, height, width)
        else:
            rows = self._rows_at_once(width)
            tops = range(0, height, rows)
            logits = torch.cat(
                [self._rows(tensors, top, min(rows, height - top), width) for top in tops]
            )
        return logits.permute(2, 0, 1)[None]

    def _rows(self, tensors: dict[int, Tensor], top: int, height: int, width: int) -> Tensor:
        """The logits (height, width, classes) of some rows, from where windows have gone."""
        here = {slot: tensor[top:] for slot, tensor in tensors.items()}
        self._run(range(self._pixelwise, len(self._program.steps)), here, height, width)
        result = self._program.result
        assert isinstance(result, Shared)
        logits = window_of(here[result.slot], result.layout, height, width)
        return logits.reshape(height, width, -1)

    def _run(self, steps: range, tensors: dict[int, Tensor], height: int, width: int) -> None:
        """Compute steps; what is read no more goes."""
        for place in steps:
            step = self._program.steps[place]
            inputs = [window_of(tensors[v.slot], v.layout, height, width) for v in step.inputs]
            for slot in [slot for slot in tensors if self._last_use[slot] <= place]:
                del tensors[slot]
            tensors[step.output] = step.kernel(*inputs)
            del inputs


def _check_worth(program: Program) -> None:
    """Refuse a tail that takes nearly all of the time."""
    if program.reason and program.plan.faster < LEAST_SPEED_UP:
        layer, what = program.reason
        raise NotShareableError.of(layer, what, shared=program.plan.share)


def _pixelwise_from(program: Program) -> int:
    """The step from which on each pixel has numbers of its own and no window any more.

    Windows of their own are cut at the end, so there is none where they are.
    """
    first = len(program.steps)
    if isinstance(program.result, Own):
        return first
    while first and all(v.layout.extents == (1, 1) for v in program.steps[first - 1].inputs):
        first -= 1
    return first


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
