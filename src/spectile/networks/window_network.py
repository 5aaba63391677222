"""A network for the windows of a scene: of the registry, or anybody's own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from spectile.errors import InputError, first_line
from spectile.networks.own.fitting import COUNT, Trial, adapted, bands_taken, tried
from spectile.networks.own.sizes import advice, called, calls
from spectile.networks.own.source import Source, is_code, name_of, source_of
from spectile.networks.registry import CLASSIFYING, create, describe
from spectile.networks.spectral_branch import OPTION, with_spectral_branch

WindowNetwork = str | Source
"""A name of :func:`~spectile.networks.names`, code such as "mynets.py:SSRN", a network, or a class
or function that builds one."""

LAYOUT = inspect.Parameter(
    "layout", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str | None
)
"""How a network of one's own takes windows, as an option of it."""


class BoundToBandsError(InputError):
    """A network takes another number of bands than it was to get, and no other."""

    def __init__(self, name: str, bands: int, asked: int) -> None:
        super().__init__(
            f"{name} takes {bands} bands and was to get {asked}: choose --reducer pca with "
            f"--components {bands}, or --bands so that there are {bands}."
        )
        self.bands = bands


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
    - a text that says where code lies, "mynets.py:SSRN" or "package.module:SSRN";
    - a module; it is copied, so that it stays as it is and every fit starts alike;
    - a class or function that builds a module. It gets bands, classes and window as arguments that
      are called so, or in another way that the field has (`in_channels`, `num_classes`,
      `patch_size`), see :mod:`spectile.networks.own.sizes`; a function of three arguments with
      other names gets them in this order. `options` are its other arguments.

    A network of one's own may take windows in another layout, see
    :mod:`spectile.networks.own.layouts`: it is found by trying, or the option `layout` says it. Of
    several tensors that come out the first of shape (N, classes) are the logits. With the option
    `spectral_branch` any network is joined with a classifier of the centre pixel's spectrum.

    Raises InputError where no logits come out of two windows, BoundToBandsError, which is one,
    where they do with another number of bands, and InputError for the name of a network that
    classifies every pixel and for options that the network doesn't take.
    """
    options = dict(options or {})
    if isinstance(network, str) and not is_code(network):
        given = window_options(network, window, options)
        found = create(network, bands=bands, classes=classes, **given)
        trials = tried(found, "NBHW", bands=bands, classes=classes, window=window)
        if trials[0].place is None:
            raise _misfit(network, trials, bands, classes, window)
        return found
    logit_weight = options.pop(OPTION.name, 0.0)
    layout = options.pop(LAYOUT.name, None)
    sizes = {"bands": bands, "classes": classes, "window": window}
    found = _fitted(source_of(network), sizes, layout, options)
    return with_spectral_branch(found, logit_weight, bands=bands, classes=classes)


def window_options(
    name: str, window: int, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All options to create the network called `name` for windows with, besides bands and classes.

    Networks of windows are told the `window`; those of whole images that have a stem for small
    images get that ("cifar"), unless `options` say otherwise. Raises InputError for an unknown name
    and for a network of pixels or instances.
    """
    entry, given = describe(name), dict(options or {})
    if entry.takes not in CLASSIFYING:
        other = "classifies every pixel" if entry.takes == "pixels" else "finds the objects"
        raise InputError(
            f"{name} {other} of an image, not the middle of a window: choose one of windows such "
            "as hybridsn, or of images such as se-resnet-18."
        )
    if entry.takes == "windows":
        return {"window": window, **given}
    return {"stem": "cifar", **given} if "stem" in entry.options else given


def _fitted(
    network: Source,
    sizes: Mapping[str, int],
    layout: str | None,
    options: Mapping[str, Any],
) -> nn.Module:
    """The network, built and adapted; the first way to build it that gives logits."""
    name = name_of(network)
    failed: list[nn.Module] = []
    misfits: list[InputError] = []
    for build in _ways(network, name, sizes, options):
        try:
            built = build()
            _check_kind(built, name)
        except InputError as error:
            misfits.append(error)
            continue
        trials = tried(built, layout, **sizes)
        if (found := adapted(built, trials)) is not None:
            return found
        # What ran and gave something else is wrong for another reason than its bands.
        failed += [built] if all(trial.error for trial in trials) else []
        misfits.append(_misfit(name, trials, **sizes))
        if layout and (fits := _layout_that_fits(built, sizes)):
            raise InputError(
                f"{name} takes windows as {fits}, not as {trials[0].layout}: leave --layout out, "
                f"or give --layout {fits}."
            )
    others = bands_taken(failed, layout, classes=sizes["classes"], window=sizes["window"])
    if others is not None:
        raise BoundToBandsError(name, others, sizes["bands"])
    raise misfits[0]


def _layout_that_fits(network: nn.Module, sizes: Mapping[str, int]) -> str | None:
    trials = tried(network, None, **sizes)
    return next((str(trial.layout) for trial in trials if trial.place is not None), None)


def _ways(
    network: Source,
    name: str,
    sizes: Mapping[str, int],
    options: Mapping[str, Any],
) -> Iterator[Callable[[], nn.Module]]:
    """The ways to build a network, each from the same chance."""
    if isinstance(network, nn.Module):
        yield lambda: _copied(network, name, options)
        return
    chance = torch.get_rng_state()
    for call in calls(network, name, sizes, options):
        torch.set_rng_state(chance)
        yield lambda call=call: called(network, name, call, sizes)  # type: ignore[misc]


def _copied(network: nn.Module, name: str, options: Mapping[str, Any]) -> nn.Module:
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


def _check_kind(network: nn.Module, name: str) -> None:
    """Raise InputError for a network that can't be copied, or kept in a file of tensors."""
    if isinstance(network, torch.jit.ScriptModule):
        raise InputError(
            f"{name} is a TorchScript module, which can't be copied and followed: give the "
            "nn.Module that it was made of."
        )
    if any(isinstance(weight, UninitializedParameter) for weight in network.parameters()):
        raise InputError(
            f"{name} has lazy layers, whose sizes nobody said: give them their numbers of channels."
        )
    for key, value in network.state_dict().items():
        if not isinstance(value, Tensor):
            raise InputError(
                f"{name} has {key} in its state_dict, a {type(value).__name__}, and a model file "
                "holds tensors alone: make it an argument, or a buffer."
            )


def _misfit(name: str, trials: list[Trial], bands: int, classes: int, window: int) -> InputError:
    """What to tell of a network that gave logits in no layout: of the one that came furthest."""
    shape = (COUNT, bands, window, window)
    usual = trials[0]
    furthest = max(trials, key=lambda trial: trial.layers)
    trial = next((t for t in trials if t.fault), furthest)
    tried_as = "" if trial.layout == usual.layout else f" as {trial.layout}"
    if trial.fault:
        return InputError(
            f"{name} has to turn windows {shape}{tried_as} into logits {(COUNT, classes)}, a row "
            f"for each window, but {trial.fault}."
        )
    layouts = f"{trial.layout} or another usual layout" if len(trials) > 1 else f"{trial.layout}"
    mend = f"build it for {bands} bands and windows of {window} x {window} pixels"
    return InputError(
        f"{name} can't take windows {shape} in {layouts} ({trial.error}): "
        f"{advice(trial.error, mend)}."
    )
