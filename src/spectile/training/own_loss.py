"""A loss of the user's own: how it is found and called, and what is wrong with one that fails."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectile.errors import InputError, first_line
from spectile.named_code import FORMS, is_named_code, load_named
from spectile.networks.wrapping import outputs_of
from spectile.training.recipes import CROSS_ENTROPY
from spectile.training.trial_step import (
    COUNT,
    check_gradients,
    trial_classes,
    trial_windows,
    untrainable,
)

Loss = Callable[[Any, Tensor, Tensor], Tensor]
"""From what a network gives, class indices (N,) and the windows (N, bands, h, w) to a scalar."""


def own_loss(named: str, found: object = None) -> Loss | None:
    """The loss that a recipe names, or the one that was `found` already; None for cross-entropy.

    A class is called without arguments. Raises InputError for a name that there isn't, and for
    what can't be called, or has weights, which nothing would learn.
    """
    if found is None:
        if named == CROSS_ENTROPY:
            return None
        if not is_named_code(named):
            raise InputError(
                f"there is no loss {named!r}: leave it out for cross-entropy, or name one of your "
                f"own as {FORMS}."
            )
        found = load_named(named)
    if isinstance(found, type):
        try:
            found = found()
        except Exception as error:  # the user's code may raise anything
            raise InputError(
                f"the loss {named} can't be made ({first_line(error)}): it is called without "
                "arguments first, so give them defaults, or name a function."
            ) from error
    if not callable(found):
        raise InputError(f"the loss {named} is a {type(found).__name__}: name a function or class.")
    if isinstance(found, nn.Module) and any(True for _ in found.parameters()):
        raise InputError(
            f"the loss {named} has weights of its own, which no step would change: keep them in "
            "the network, whose method `outputs` may give what the loss needs of them."
        )
    return found


def own_loss_of(
    loss: Loss, named: str, network: nn.Module, windows: Tensor, classes: Tensor
) -> Tensor:
    """What the loss says of windows (N, bands, h, w) of class indices (N,).

    It is given what the network's method ``outputs`` makes of the windows, or where there is none
    the network itself. Raises InputError unless a number comes out that gradients come from.
    """
    # A copy: a network may write into its input.
    outputs = outputs_of(network, windows.clone())
    try:
        value = loss(outputs, classes, windows)
    except InputError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise InputError(
            f"the loss {named} failed ({_told(error)}): it is called with "
            "what the network gives, the classes (N,) and the windows (N, bands, h, w)."
        ) from error
    if not isinstance(value, Tensor) or value.ndim or not value.is_floating_point():
        what = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:40]
        raise InputError(
            f"the loss {named} gave {what}: return one number for all windows, a tensor without "
            "axes, such as their mean."
        )
    if torch.is_grad_enabled() and not value.requires_grad:
        raise InputError(
            f"the loss {named} gave a number that no gradient leads back from: compute it by torch "
            "from what the network gives."
        )
    return value


def _told(error: Exception) -> str:
    """What an error in a loss says, and the last line of the user's that led to it."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    torchs = str(Path(torch.__file__).parent)
    lines = [frame.lineno for frame in frames if not frame.filename.startswith(torchs)]
    where = f"line {lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {first_line(error)}"


def try_loss(
    loss: Loss,
    named: str,
    network: nn.Module,
    *,
    bands: int,
    classes: int,
    window: int,
    batch: int = COUNT,
) -> None:
    """Raise InputError for a loss that gives no finite number on some windows of random numbers.

    Nor may it give one that leads no gradient back to the network, which keeps the gradients.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        windows = trial_windows(network, bands, window, batch)
        try:
            value = own_loss_of(loss, named, network, windows, trial_classes(windows, classes))
        except InputError:
            raise
        except Exception as error:  # of the network, which may be the user's as well
            raise untrainable("the network", windows, error) from error
        if not bool(value.isfinite()):
            raise InputError(
                f"the loss {named} gave {float(value.detach())} for windows of random numbers: "
                "look for a logarithm of nothing, or a division by it."
            )
        check_gradients(value, network, f"the loss {named}")


def check_sent(loss: Loss, named: str) -> None:
    """Raise InputError for a loss that can't be sent to the processes of several devices."""
    try:
        pickle.dumps(loss)
    except Exception as error:  # whatever the object holds
        raise InputError(
            f"the loss {named} can't be sent to several devices ({first_line(error)}): write it "
            "into a file and name it as losses.py:name, or choose --devices 1."
        ) from error
