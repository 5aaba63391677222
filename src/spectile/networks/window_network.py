"""A network for the windows of a scene: of the registry, or anybody's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from spectile.errors import InputError, first_line
from spectile.networks.map_channels import evaluating
from spectile.networks.registry import create, describe
from spectile.networks.spectral_branch import OPTION, with_spectral_branch

WindowNetwork = str | nn.Module | Callable[..., nn.Module]
"""A name of :func:`~spectile.networks.names`, a network, or what builds one from bands, classes and
window."""

COUNT = 2
"""Windows to try a network on: a mistaken squeeze or view shows with more than one."""


def build_window_network(
    network: WindowNetwork,
    *,
    bands: int,
    classes: int,
    window: int,
    options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """A network that classifies windows: (N, bands, window, window) to logits (N, classes).

    `window` is the edge of a window in pixels. `network` is one of

    - a name, of a network of windows or of whole images, see :func:`window_options`;
    - a module; it is copied, so that it stays as it is and every fit starts alike;
    - a callable (bands, classes, window) -> nn.Module, which also gets `options` as keywords.

    With the option `spectral_branch` any of them is joined with a classifier of the centre pixel's
    spectrum. The network is run on two windows to see that logits come out.

    Raises InputError where something else comes out, for the name of a network that classifies
    every pixel, and for options that the network doesn't take.
    """
    options = dict(options or {})
    if isinstance(network, str):
        found = create(
            network, bands=bands, classes=classes, **window_options(network, window, options)
        )
        _check_output(found, network, bands, classes, window)
        return found
    logit_weight = options.pop(OPTION.name, 0.0)
    if isinstance(network, nn.Module):
        found, name = _copied(network, options), type(network).__name__
    else:
        name = getattr(network, "__name__", type(network).__name__)
        found = _built(network, name, (bands, classes, window), options)
    _check_output(found, name, bands, classes, window)
    return with_spectral_branch(found, logit_weight, bands=bands, classes=classes)


def window_options(
    name: str, window: int, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All options to create the network called `name` for windows with, besides bands and classes.

    Networks of windows are told the `window`; those of whole images that have a stem for small
    images get that ("cifar"), unless `options` say otherwise. Raises InputError for an unknown name
    and for a network of pixels.
    """
    entry, given = describe(name), dict(options or {})
    if entry.takes == "pixels":
        raise InputError(
            f"{name} classifies every pixel of an image, not the middle of a window: choose one of "
            "windows such as hybridsn, or of images such as se-resnet-18."
        )
    if entry.takes == "windows":
        return {"window": window, **given}
    return {"stem": "cifar", **given} if "stem" in entry.options else given


def _copied(network: nn.Module, options: Mapping[str, Any]) -> nn.Module:
    name = type(network).__name__
    if options:
        raise InputError(
            f"{name} is built already and takes no options ({', '.join(options)}): give its class, "
            "or a function that builds it."
        )
    try:
        return copy.deepcopy(network)
    except Exception as error:  # foreign code may raise anything
        raise InputError(
            f"{name} can't be copied ({first_line(error)}): give a function (bands, classes, "
            "window) that builds it."
        ) from error


def _built(
    build: Callable[..., nn.Module],
    name: str,
    sizes: tuple[int, int, int],
    options: Mapping[str, Any],
) -> nn.Module:
    try:
        found = build(*sizes, **options)
    except InputError:
        raise
    except Exception as error:  # foreign code may raise anything
        raise InputError(
            f"{name} can't be built for {sizes[0]} bands, {sizes[1]} classes and windows of "
            f"{sizes[2]} pixels ({first_line(error)}): it is called with these three in this "
            "order, then with the options by name."
        ) from error
    if not isinstance(found, nn.Module):
        raise InputError(
            f"{name} gave a {type(found).__name__}, not an nn.Module: return the network."
        )
    return found


def _check_output(network: nn.Module, name: str, bands: int, classes: int, window: int) -> None:
    """Raise InputError unless two windows give two rows of logits."""
    shape = (COUNT, bands, window, window)
    if any(isinstance(weight, UninitializedParameter) for weight in network.parameters()):
        raise InputError(
            f"{name} has lazy layers, whose sizes nobody said: give them their numbers of channels."
        )
    weight = next((w for w in network.parameters() if w.is_floating_point()), torch.empty(0))
    windows = torch.randn(shape, generator=torch.Generator().manual_seed(0), device="cpu")
    try:
        # What a lazy layer draws, or dropout left on, must not move the chance of a fit.
        with torch.random.fork_rng(devices=[]), evaluating(network):
            found = network(windows.to(weight.device, weight.dtype))
    except InputError:
        raise
    except Exception as error:  # foreign code may raise anything
        raise InputError(
            f"{name} can't take windows {shape} ({first_line(error)}): build it for {bands} bands "
            f"and windows of {window} x {window} pixels."
        ) from error
    if fault := _fault(found, classes, window):
        raise InputError(
            f"{name} has to turn windows {shape} into logits {(COUNT, classes)}, a row for each "
            f"window, but {fault}."
        )


def _fault(found: object, classes: int, window: int) -> str:
    """What is wrong with what came out, and what to do; empty if nothing is."""
    if not isinstance(found, Tensor):
        return f"gave a {type(found).__name__}: return one tensor"
    shape = tuple(found.shape)
    if shape == (COUNT, classes, window, window):
        return f"gave {shape}, a class for every pixel: keep the pixel in the middle alone"
    if len(shape) == 2 and shape[0] == COUNT:
        if shape[1] != classes:
            return f"gave {shape}: end it in as many logits as there are classes, {classes}"
        return _fault_of_numbers(found)
    return f"gave {shape}: pool or flatten its maps before the last layer"


def _fault_of_numbers(found: Tensor) -> str:
    if found.is_meta:
        return ""
    if not found.is_floating_point():
        return f"gave {found.dtype}: leave the choice of a class (argmax) out"
    sums = found.float().sum(1)
    if found.shape[1] > 1 and bool((found >= 0).all() and torch.allclose(sums, sums.new_ones(()))):
        return "gave probabilities: leave the softmax at its end out"
    return ""
