"""What networks cost, counted on the meta device, where tensors have shapes but no values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spectile.compat.torch import AnyConvolution, storage_number
from spectile.errors import InputError
from spectile.networks.comparisons import COMPARISONS
from spectile.networks.registry import create


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


def measure(network: nn.Module, bands: int, size: tuple[int, int]) -> Costs:
    """Costs of any network on the meta device that takes (1, bands, *size)."""
    if min(size) < 1:
        raise InputError(f"There is no image of {size[0]} x {size[1]} pixels: choose at least 1.")
    multiply_adds = 0

    def count(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal multiply_adds
        multiply_adds += layer_multiply_adds(layer, output)

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, AnyConvolution | nn.Linear)
    ]
    kept = kept_bytes(network.train(), torch.zeros(1, bands, *size, device="meta"))
    for hook in hooks:
        hook.remove()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Costs(parameters, multiply_adds, kept, size)


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
