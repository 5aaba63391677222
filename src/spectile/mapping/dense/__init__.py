"""Exact dense mapping: a window network over a whole scene, shared work done once, same numbers.

Neighbouring windows share all but a column. What comes before the flattening runs once over the
scene, and a window's features are a cut of the shared tensor; a stride becomes dilation; flattening
and the first Linear become one large convolution; gates computed from a window's means differ from
pixel to pixel and enter the matrix product. docs/architecture.md has the mathematics.
"""

from __future__ import annotations

import torch
from torch import nn

from spectile.errors import InputError
from spectile.mapping.dense.bands import bands_of
from spectile.mapping.dense.network import DenseNetwork
from spectile.mapping.dense.plan import Plan, PlanRow
from spectile.mapping.dense.recording import evaluating
from spectile.mapping.dense.refusal import NotShareableError

__all__ = ["DenseNetwork", "NotShareableError", "Plan", "PlanRow", "densify"]


def densify(
    module: nn.Module, window: tuple[int, int], *, bands: int | None = None
) -> DenseNetwork:
    """A module that gives `module`'s logits for every window of a scene, with shared work.

    `module` maps (N, bands, h, w) to (N, classes) with `window` = (h, w); the result maps
    (1, bands, H + h - 1, W + w - 1) to (1, classes, H, W). `bands` is found out where it isn't
    given. It is for inference: dropout is left out, and the weights are those of this moment.

    Raises NotShareableError, with the layer and the reason, for a network that has to be mapped
    patch by patch, and InputError for a window that the network can't take.
    """
    if min(window) < 1:
        raise InputError(
            f"a window of {window[0]} x {window[1]} pixels is none: give at least 1 x 1."
        )
    with torch.no_grad():
        found = bands_of(module, window) if bands is None else bands
        dense = DenseNetwork(module, window, found)
        _check_numbers(module, dense, window, found)
    return dense


def _check_numbers(
    module: nn.Module, dense: DenseNetwork, window: tuple[int, int], bands: int
) -> None:
    """Compare a few windows, in pairs and together: a promise of the same numbers is checked.

    A network may mix the windows of a batch, or mean something by the batch's size, in ways that
    its graph on one window doesn't show.
    """
    parameter = next(module.parameters(), torch.empty(0))
    generator = torch.Generator().manual_seed(1)
    x = torch.randn((1, bands, window[0] + 1, window[1] + 2), generator=generator).to(parameter)
    windows = (
        x[0].unfold(1, window[0], 1).unfold(2, window[1], 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
    )
    with evaluating(module):
        together = module(windows)
        # In pairs and not alone: some networks squeeze the batch's axis away.
        apart = torch.cat([module(pair) for pair in torch.split(windows.flip(0), 2)]).flip(0)
    ours = dense(x)[0].flatten(1).t()
    scale = max(1.0, float(together.abs().max()))
    if together.shape != apart.shape or not _close(together, apart, scale):
        raise NotShareableError.of("", "gives a window other numbers in another batch")
    if not _close(ours, together.flatten(1), scale):
        raise NotShareableError.of("", "gave other numbers when it was shared")


def _close(one: torch.Tensor, other: torch.Tensor, scale: float) -> bool:
    tolerance = 1e-3 if one.dtype in (torch.float16, torch.bfloat16, torch.float32) else 1e-9
    return bool(((one - other).abs() <= tolerance * scale).all())
