"""Exact dense mapping: a window network over a whole scene, shared work done once, same numbers.

Neighbouring windows share all but a column. What comes before the flattening runs once over the
scene, and a window's features are a cut of the shared tensor; a stride becomes dilation; flattening
and the first Linear become one large convolution; gates computed from a window's means differ from
pixel to pixel and enter the matrix product. docs/architecture.md has the mathematics.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.mapping.dense.band_count import bands_of
from spectile.mapping.dense.network import DenseNetwork
from spectile.mapping.dense.plan import Plan, PlanRow
from spectile.mapping.dense.recording import evaluation_mode, random_input
from spectile.mapping.dense.refusal import NotShareableError, short_text

__all__ = ["DenseNetwork", "NotShareableError", "Plan", "PlanRow", "densify"]

TOLERANCES = {torch.float64: (1e-9, 1e-12), torch.float32: (1e-4, 1e-6)}
"""Of differences, as a share of what logits differ from window to window, and of their size."""


def densify(
    module: nn.Module,
    window: tuple[int, int],
    *,
    bands: int | None = None,
    pixels: Tensor | None = None,
) -> DenseNetwork:
    """Turn a window classifier into a module that classifies every window of a scene at once.

    `module` maps windows (N, bands, h, w) to logits (N, classes); `window` is (h, w). The result
    maps a scene with half a window around it, (1, bands, H + h - 1, W + w - 1), to the same logits
    (1, classes, H, W), and computes what neighbouring windows have in common once. It is for
    inference: dropout is left out, and the weights stay those of this moment. Without `bands` the
    number of bands that `module` takes is found by trying.

    Before it is handed out, a few windows of random numbers are run both ways and compared, and
    so is `pixels` (1, bands, rows, columns), a piece of the scene to be mapped, if it is given.

    Raises NotShareableError, with the layer and the reason, for a network that has to be mapped
    patch by patch, and InputError for a window that the network can't take.
    """
    if min(window) < 1 or (bands is not None and bands < 1):
        raise InputError("a window has at least 1 x 1 pixels and 1 band: give its size.")
    found, sure = (bands, True) if bands is not None else bands_of(module, window)
    return _shared(DenseNetwork if sure else GuessedBands, module, window, found, pixels)


class GuessedBands(DenseNetwork):
    """A dense network whose bands were tried out: a scene with others shares it anew."""

    def __init__(self, network: nn.Module, window: tuple[int, int], bands: int) -> None:
        super().__init__(network, window, bands)
        # In a tuple, or it would be a part of this module with all its weights.
        self._network = (network,)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4 and x.shape[1] != self.bands:
            other = _shared(DenseNetwork, self._network[0], self.window, x.shape[1], None)
            self._follow(other._program, other.bands)
        return super().forward(x)


def _shared(
    kind: type[DenseNetwork],
    module: nn.Module,
    window: tuple[int, int],
    bands: int,
    pixels: Tensor | None,
) -> DenseNetwork:
    """A dense network of that kind, after a few windows gave the same numbers both ways."""
    try:
        dense = kind(module, window, bands)
        with torch.no_grad():
            _check_numbers(module, dense, window, bands, pixels)
    except InputError:
        raise
    except Exception as error:  # something that no rule foresaw: mapping goes on without it
        raise NotShareableError(
            f"{type(module).__name__} can't be followed ({type(error).__name__}: "
            f"{short_text(error)}): map it with --method patches."
        ) from error
    return dense


def _check_numbers(
    module: nn.Module,
    dense: DenseNetwork,
    window: tuple[int, int],
    bands: int,
    pixels: Tensor | None,
) -> None:
    """Compare a few windows, in pairs and together: a promise of the same numbers is checked.

    A network may mix the windows of a batch, or mean something by the batch's size, in ways that
    its graph on one window doesn't show. In double precision where the network takes it, for in
    single precision a small mistake would pass.
    """
    drawn = random_input(module, (1, bands, window[0] + 1, window[1] + 1), seed=1)
    images = [drawn] if pixels is None else [drawn, pixels.to(drawn)]
    try:
        exact = copy.deepcopy(module).double()
        followed = DenseNetwork(exact, window, bands)
        for image in images:
            _compare(exact, followed, image.double())
    except NotShareableError:
        raise
    except Exception:  # it can't be copied, or insists on its own type
        for image in images:
            _compare(module, dense, image)


def _compare(module: nn.Module, dense: DenseNetwork, image: Tensor) -> None:
    cut = image[0].unfold(1, dense.window[0], 1).unfold(2, dense.window[1], 1)
    windows = cut.permute(1, 2, 0, 3, 4).flatten(0, 1)
    with evaluation_mode(module):
        together = module(windows.clone()).reshape(len(windows), -1)
        # In pairs and not alone: some networks squeeze the batch's axis away.
        pairs = [module(pair.clone()) for pair in _in_pairs(windows.flip(0))]
        apart = torch.cat(pairs).reshape(-1, together.shape[1])[: len(windows)].flip(0)
    ours = dense(image)[0].flatten(1).t()
    if not bool(torch.isfinite(together).all()):
        raise NotShareableError.of("", "gives numbers that are none, which can't be compared")
    if not _close(together, apart):
        raise NotShareableError.of("", "gives a window other numbers in another batch")
    if not _close(ours, together):
        raise NotShareableError.of("", "gave other numbers when it was shared")


def _in_pairs(windows: Tensor) -> list[Tensor]:
    """The windows two by two, the last one twice where it would be alone."""
    even = windows if len(windows) % 2 == 0 else torch.cat([windows, windows[-1:]])
    return list(torch.split(even, 2))


def _close(one: Tensor, other: Tensor) -> bool:
    """At the logits' own scale: they may all be near 1e-10, or a constant and a little more."""
    if one.shape != other.shape:
        return False
    relative, rounded = TOLERANCES.get(one.dtype, (3e-2, 1e-2))
    signal = float((other - other.mean(0)).abs().max())
    size = float(other.abs().max())
    return bool(((one - other).abs() <= relative * signal + rounded * size).all())
