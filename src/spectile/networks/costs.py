"""What networks cost, counted on the meta device, where tensors have shapes but no values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spectile.compat.torch import AnyConvolution, storage_number
from spectile.errors import InputError, first_line
from spectile.networks.comparisons import COMPARISONS
from spectile.networks.own.source import name_of
from spectile.networks.registry import create
from spectile.networks.window_network import WindowNetwork, build_window_network


@dataclass(frozen=True)
class Costs:
    """The costs of one network for one image."""

    parameters: int
    multiply_adds: int
    """Of the convolutions and linear layers, for a forward pass of one image."""
    activation_bytes: int
    """What training keeps of one image in float32 from the forward to the backward pass, weights
    left out; using the network needs far less."""
    size: tuple[int, int]
    """Height and width of that image."""


def costs(
    name: str,
    *,
    bands: int = 3,
    classes: int = 1000,
    size: int | tuple[int, int] = 224,
    **options: object,
) -> Costs:
    """Costs of a network of the catalogue, or of `vgg-16` or `googlenet` for comparison.

    `size` is the edge of a square image or its height and width; a network of windows is counted
    for one window instead. `options` are those of :func:`~spectile.networks.create`.

    Raises InputError for an unknown name or option, and for a size below 1.
    """
    with torch.device("meta"):
        if name in COMPARISONS:
            if options:
                raise InputError(f"{name} is there for comparison alone: it has no options.")
            network = COMPARISONS[name](bands, classes)
        else:
            network = create(name, bands=bands, classes=classes, **options)
    window = getattr(network, "window", size)
    return measure(network, bands, window if isinstance(window, tuple) else (window, window))


def costs_on_windows(
    network: WindowNetwork, *, bands: int, classes: int, window: int, **options: object
) -> Costs:
    """Costs of a network of windows for one of them, see :func:`build_window_network`.

    Raises InputError as that does, and for a network that computes on values alone.
    """
    sizes = {"bands": bands, "classes": classes, "window": window}
    built = build_window_network(network, **sizes, options=options)
    try:
        # Two, for batch normalisation of a single number fails.
        return measure(built.to("meta"), bands, (window, window), count=2)
    except Exception as error:  # foreign code may raise anything
        raise InputError(
            f"{name_of(network)} can't be counted, it asks for the values of its tensors "
            f"({first_line(error)}): train with it to see what it costs."
        ) from error


def measure(network: nn.Module, bands: int, size: tuple[int, int], count: int = 1) -> Costs:
    """Costs for one image of any network on the meta device that takes (`count`, bands, *size)."""
    if min(size) < 1:
        raise InputError(f"There is no image of {size[0]} x {size[1]} pixels: choose at least 1.")
    multiply_adds = 0

    def add(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal multiply_adds
        multiply_adds += layer_multiply_adds(layer, output)

    hooks = [
        layer.register_forward_hook(add)
        for layer in network.modules()
        if isinstance(layer, AnyConvolution | nn.Linear)
    ]
    kept = kept_bytes(network.train(), torch.zeros(count, bands, *size, device="meta"))
    for hook in hooks:
        hook.remove()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Costs(parameters, multiply_adds // count, kept // count, size)


def layer_multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """Products of one convolution or linear layer whose output is `output`."""
    weight = layer.get_parameter("weight")
    return output.numel() * weight[0].numel()


def kept_bytes(network: nn.Module, x: Tensor) -> int:
    """Bytes that autograd keeps of a forward pass; the network's own weights don't count."""
    weights = {storage_number(tensor.untyped_storage()) for tensor in network.state_dict().values()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        number = storage_number(storage)
        if number not in weights:
            kept[number] = storage  # held, so that its number isn't given away again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(x)
    return sum(storage.nbytes() for storage in kept.values())
