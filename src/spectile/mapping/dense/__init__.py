"""Exact dense mapping: a window network over a whole scene, shared work done once, same numbers.

Neighbouring windows share all but a column. What comes before the flattening runs once over the
scene, and a window's features are a cut of the shared tensor; a stride becomes dilation; flattening
and the first Linear become one large convolution; gates computed from a window's means differ from
pixel to pixel and enter the matrix product. docs/architecture.md has the mathematics.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from spectile.errors import InputError
from spectile.mapping.dense.bands import bands_of
from spectile.mapping.dense.network import DenseNetwork
from spectile.mapping.dense.plan import Plan, PlanRow
from spectile.mapping.dense.recording import evaluating, random_input
from spectile.mapping.dense.refusal import NotShareableError, first_line

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
    if min(window) < 1 or (bands is not None and bands < 1):
        raise InputError("a window has at least 1 x 1 pixels and 1 band: give its size.")
    found, sure = (bands, True) if bands is not None else bands_of(module, window)
    return _shared(DenseNetwork if sure else GuessedBands, module, window, found)


class GuessedBands(DenseNetwork):
    """A dense network whose bands were tried out: a scene with others shares it anew."""

    def __init__(self, network: nn.Module, window: tuple[int, int], bands: int) -> None:
        super().__init__(network, window, bands)
        # In a tuple, or it would be a part of this module with all its weights.
        self._network = (network,)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim == 4 and x.shape[1] != self.bands:
            other = _shared(DenseNetwork, self._network[0], self.window, x.shape[1])
            self._follow(other._program, other.bands)
        return super().forward(x)


def _shared(
    kind: type[DenseNetwork], module: nn.Module, window: tuple[int, int], bands: int
) -> DenseNetwork:
    """A dense network of that kind, after a few windows gave the same numbers both ways."""
    try:
        dense = kind(module, window, bands)
        with torch.no_grad():
            _check_numbers(module, dense, window, bands)
    except InputError:
        raise
    except Exception as error:  # something that no rule foresaw: mapping goes on without it
        raise NotShareableError(
            f"{type(module).__name__} can't be followed ({type(error).__name__}: "
            f"{first_line(error)}): map it with --method patches."
        ) from error
    return dense


def _check_numbers(
    module: nn.Module, dense: DenseNetwork, window: tuple[int, int], bands: int
) -> None:
    """Compare a few windows, in pairs and together: a promise of the same numbers is checked.

    A network may mix the windows of a batch, or mean something by the batch's size, in ways that
    its graph on one window doesn't show. In double precision where the network takes it, for in
    single precision a small mistake would pass.
    """
    try:
        exact = copy.deepcopy(module).double()
        _compare(exact, DenseNetwork(exact, window, bands), window, bands)
    except NotShareableError:
        raise
    except Exception:  # it can't be copied, or insists on its own type
        _compare(module, dense, window, bands)


def _compare(module: nn.Module, dense: DenseNetwork, window: tuple[int, int], bands: int) -> None:
    x = random_input(module, (1, bands, window[0] + 1, window[1] + 1), seed=1)
    cut = x[0].unfold(1, window[0], 1).unfold(2, window[1], 1)
    windows = cut.permute(1, 2, 0, 3, 4).flatten(0, 1)
    with evaluating(module):
        together = module(windows.clone()).reshape(len(windows), -1)
        # In pairs and not alone: some networks squeeze the batch's axis away.
        pairs = [module(pair.clone()) for pair in torch.split(windows.flip(0), 2)]
        apart = torch.cat(pairs).reshape(len(windows), -1).flip(0)
    ours = dense(x)[0].flatten(1).t()
    if not bool(torch.isfinite(together).all()):
        raise NotShareableError.of("", "gives numbers that are none, which can't be compared")
    scale = max(1.0, float(together.abs().max()))
    if together.shape != apart.shape or not _close(together, apart, scale):
        raise NotShareableError.of("", "gives a window other numbers in another batch")
    if not _close(ours, together, scale):
        raise NotShareableError.of("", "gave other numbers when it was shared")


def _close(one: torch.Tensor, other: torch.Tensor, scale: float) -> bool:
    tolerance = {torch.float64: 1e-9, torch.float32: 1e-4}.get(one.dtype, 3e-2)
    return bool(((one - other).abs() <= tolerance * scale).all())
