"""The network of a model file: built anew from the catalogue, or given by the user."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from spectile import networks
from spectile.errors import InputError, first_line
from spectile.model.fingerprint import first_difference
from spectile.model.trained_task import PROBE_EDGE, InstanceTask, PixelTask, TrainedTask, WindowTask
from spectile.networks.map_channels import evaluating
from spectile.networks.own.adapted import adaptation_of
from spectile.networks.own.fitting import first_weight
from spectile.networks.own.source import Source, source_of
from spectile.networks.spectral_branch import OPTION, WithSpectralBranch, with_spectral_branch
from spectile.networks.window_network import LAYOUT, build_window_network

NetworkSource = str | Source
"""Code such as "mynets.py:SSRN", a network, or what builds one: a class or function of bands,
classes and window, with the network's options as keywords."""


ANSWERS_DIFFER = 1e-2
"""As a share of the largest: beyond what rounding does in float32."""


def from_catalogue(name: str, options: Mapping[str, Any], *, bands: int, classes: int) -> nn.Module:
    """A network of the catalogue that has shapes and no numbers: a file may lie about sizes."""
    with _without_numbers():
        return networks.create(name, bands=bands, classes=classes, **options)


def from_user(
    source: NetworkSource,
    options: Mapping[str, Any],
    task: TrainedTask,
    *,
    bands: int,
    classes: int,
) -> nn.Module:
    """The network that a user gives, or a copy of it; raises InputError for what is none.

    Options say whether a spectral branch was joined with it, and in which layout it takes windows.
    """
    own = source_of(source)
    others = {name: value for name, value in options.items() if name != "window"}
    if isinstance(task, WindowTask):
        if isinstance(own, nn.Module):  # built, and perhaps adapted and joined already
            kept = (OPTION.name,) * (not isinstance(own, WithSpectralBranch))
            kept += (LAYOUT.name,) * (adaptation_of(own) is None)
            others = {name: others[name] for name in kept if name in others}
        edge = task.window
        return build_window_network(own, bands=bands, classes=classes, window=edge, options=others)
    logit_weight = others.pop(OPTION.name, 0.0)
    built: object = copy.deepcopy(own)
    if not isinstance(own, nn.Module):
        try:
            built = own(bands, classes, task.trained_edge, **others)
        except Exception as error:  # the user's code
            raise InputError(
                f"the network can't be built for {bands} bands, {classes} classes and a window of "
                f"{task.trained_edge} pixels ({first_line(error)}): give a function of the three."
            ) from error
    if not isinstance(built, nn.Module):
        raise InputError(
            f"the network is a {type(built).__name__}: give an nn.Module, or a function of bands, "
            "classes and window that returns one."
        )
    return with_spectral_branch(built, logit_weight, bands=bands, classes=classes)


def check_weights(network: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    """Raise InputError unless a user's network is made for the weights of the network `name`."""
    if difference := first_difference(network.state_dict(), weights):
        raise InputError(
            f"the given network isn't {name} as it was saved: {difference}. "
            "Give the network that was trained, with the same options."
        )


def check_task(
    network: nn.Module, task: TrainedTask, name: str, *, bands: int, classes: int
) -> None:
    """Raise InputError, or what PyTorch raises, unless a network of the catalogue fits its task.

    A window network is left to mapping, which follows it layer by layer.
    """
    if getattr(network, "window", task.trained_edge) != task.trained_edge:
        raise InputError(f"the network's window isn't {task.trained_edge}")
    if isinstance(task, WindowTask):
        return
    if isinstance(task, InstanceTask):
        if not hasattr(network, "detect"):
            raise InputError(f"{name} doesn't find instances")
        return
    edge = getattr(network, "window", PROBE_EDGE)
    found = _answer(network, bands, edge)
    if found != task.logits(classes, edge):
        what = "pixels" if isinstance(task, PixelTask) else "images"
        raise InputError(f"{name} doesn't classify {what}")


def check_users_network(network: nn.Module, task: TrainedTask, *, bands: int, classes: int) -> None:
    """Raise InputError unless a user's network takes what its task gives it."""
    edge = task.probe_edge
    expected = task.logits(classes, edge)
    try:
        found: object = _answer(network, bands, edge)
    except Exception as error:  # the user's code
        found = first_line(error)
    if found != expected:
        raise InputError(
            f"the given network should turn (1, {bands}, {edge}, {edge}) into logits {expected}, "
            f"but it gives {found}: give the network that was trained."
        )


def answers(network: nn.Module, bands: int, edge: int) -> list[list[float]] | None:
    """What a network of one's own says of two images that are always the same.

    One row for each, with a number for each class. None where that tells nothing: numbers that
    differ from time to time, or that are none.
    """
    # Of a formula, which no version of PyTorch draws otherwise.
    places = torch.arange(2 * bands * edge * edge, dtype=torch.float64).view(2, bands, edge, edge)
    images = (2 * torch.sin(places * places * 0.37)).to(first_weight(network).dtype)
    with torch.inference_mode(), torch.random.fork_rng(devices=[]), evaluating(network):
        found, again = (network(images.clone()).double() for _ in range(2))
    if found.ndim > 2:  # classes of all pixels
        found, again = found.flatten(2).mean(2), again.flatten(2).mean(2)
    if not bool(found.isfinite().all()) or not torch.allclose(found, again):
        return None
    rows: list[list[float]] = found.tolist()
    return rows


def check_answers(
    network: nn.Module, kept: list[list[float]] | None, name: str, bands: int, edge: int
) -> None:
    """Raise InputError where a network computes something else than the one that was saved.

    Other processors round otherwise, which is allowed for.
    """
    if kept is not None and differ(answers(network, bands, edge), kept):
        raise InputError(
            f"the given network isn't {name} as it was saved: it has the same weights and computes "
            "something else with them. Give the code that it was trained with."
        )


def differ(found: list[list[float]] | None, kept: list[list[float]] | None) -> bool:
    """Whether two networks' :func:`answers` differ by more than rounding."""
    if found is None or kept is None:
        return False
    ours, theirs = torch.tensor(found), torch.tensor(kept)
    same = ours.shape == theirs.shape
    return not same or bool((ours - theirs).abs().max() > ANSWERS_DIFFER * theirs.abs().max())


def _answer(network: nn.Module, bands: int, edge: int) -> tuple[int, ...]:
    """The shape of what a network says of one image of zeros."""
    # Not on the meta device, where batch normalisation imports PyTorch's compiler: 1 s.
    dtype = first_weight(network).dtype
    with torch.inference_mode():
        return tuple(network(torch.zeros(1, bands, edge, edge, dtype=dtype)).shape)


@contextmanager
def _without_numbers() -> Iterator[None]:
    """What is built meanwhile has shapes alone."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves out initial numbers: on the meta device they import PyTorch's compiler, 1 s."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.normal_ or getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
