"""One step on windows of random numbers: what a fit would trip over is said before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.errors import InputError, first_line
from spectile.networks.own.fitting import first_weight

COUNT = 4
"""Windows to try on, where a batch holds so many."""


def trial_windows(network: nn.Module, bands: int, window: int, batch: int) -> Tensor:
    """Windows (N, bands, window, window) of random numbers, of the type that a fit has.

    There are COUNT of them, or a `batch` where that is less.
    """
    size = (min(COUNT, batch), bands, window, window)
    return torch.randn(size, device=first_weight(network).device)


def trial_classes(windows: Tensor, classes: int) -> Tensor:
    """Class indices (N,) on the device of the windows."""
    return torch.arange(len(windows), device=windows.device) % classes


def try_step(
    network: nn.Module, name: str, *, bands: int, classes: int, window: int, batch: int = COUNT
) -> None:
    """Raise InputError for a network called `name` that can't learn by its logits.

    A `batch` may be too small for it. It does in training what it may not have done when its layout
    was tried, and gradients have to come back from it. It keeps the gradients, and statistics of
    batches: give one for the purpose.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        windows = trial_windows(network, bands, window, batch)
        network.train()
        try:
            found: Any = network(windows)
        except InputError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise untrainable(name, windows, error) from error
        _check_logits(found, name, (len(windows), classes))
        check_gradients(F.cross_entropy(found, trial_classes(found, classes)), network, name)


def untrainable(name: str, windows: Tensor, error: Exception) -> InputError:
    """What to tell of a network that fails on windows in training alone."""
    return InputError(
        f"{name} can't take windows {tuple(windows.shape)} of float32 numbers in training "
        f"({first_line(error)}), though it gives logits in evaluation: "
        f"{'mend that' if len(windows) > 1 else 'choose a larger --batch'}."
    )


def _check_logits(found: Any, name: str, shape: tuple[int, int]) -> None:
    if not isinstance(found, Tensor) or found.shape != shape:
        what = tuple(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise InputError(
            f"{name} gives {what} in training, not logits {shape} as in evaluation: return those "
            "alone, and what a loss of your own needs besides from a method `outputs`."
        )
    if found.dtype != torch.float32:
        kind = str(found.dtype).removeprefix("torch.")
        raise InputError(f"{name} gives {kind} numbers in training: end it in .float().")


def check_gradients(value: Tensor, network: nn.Module, what: str) -> None:
    """Raise InputError unless the gradient of `value` comes back to some weight of `network`.

    `what` is at fault otherwise.
    """
    try:
        if value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]  # PyTorch's has no types
    except Exception as error:  # what the user's code did shows here
        raise InputError(
            f"no gradient leads back through {what} ({first_line(error).partition(' Hint:')[0]}): "
            "change nothing in place that a gradient needs."
        ) from error
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if all(weight.grad is None for weight in weights):
        raise InputError(
            f"no gradient leads back through {what} to a weight of the network, so that it would "
            "learn nothing: leave out no_grad and detach, and compute by torch."
        )
