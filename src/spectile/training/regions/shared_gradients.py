"""The gradients of a step on shared trunks, region by region and within a memory bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spectile.networks.windows.hybridsn import HybridSN
from spectile.training.regions.regions import Region
from spectile.training.regions.spectral_trunk import (
    first_matrix,
    shared_trunk,
    window_features,
    window_logits,
)

WINDOWS = 256
"""Windows whose features are held at a time, 74 KB each for windows of 25 pixels."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits (N, classes) and targets to a sum over the windows."""
Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From features (N, maps, S, S) and class indices (N,) to those that the head sees, and targets."""


def as_they_are(features: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """The :data:`Mix` that leaves windows alone."""
    return features, classes


def shared_loss(
    network: HybridSN, regions: Iterable[Region], loss: Loss, mix: Mix = as_they_are
) -> Tensor:
    """The sum of `loss` over all windows of `regions`; its gradients are those of the windows.

    `mix` is given groups of at most 256 windows, drawn from a region.
    They are computed here, so that one region's features are held at a time, and handed out when
    the result is differentiated, which can be done once.
    """
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    gradients = [torch.zeros_like(weight) for weight in weights]
    total = torch.zeros((), device=next(network.parameters()).device)
    for region in regions:
        value, parts = _region_gradients(network, weights, region, loss, mix)
        total = total + value
        _add(gradients, parts)
    result: Tensor = _WithGradients.apply(total, *weights, *gradients)  # type: ignore[no-untyped-call]
    return result


def shared_logits(network: HybridSN, region: Region) -> Tensor:
    """Logits (N, classes) of a region's windows, without gradients."""
    with torch.no_grad():
        features = shared_trunk(network, region.components[None])
        matrix = first_matrix(network)
        cuts = (window_features(network, features, *places) for *places, _ in _groups(region))
        logits = torch.cat([window_logits(network, windows, matrix) for windows in cuts])
        return network.joined(logits, region.centres(network.window))


def _region_gradients(
    network: HybridSN, weights: Sequence[nn.Parameter], region: Region, loss: Loss, mix: Mix
) -> tuple[Tensor, list[Tensor | None]]:
    """One region's loss and what it adds to the gradients of `weights`.

    First the head, group by group of windows, down to the features and the first Linear's matrix,
    which all groups share; then from those two once to the weights.
    """
    with torch.enable_grad():
        features = shared_trunk(network, region.components[None])
        matrix = first_matrix(network)
    shared = [features.detach().requires_grad_(), matrix.detach().requires_grad_()]
    leaves: list[Tensor] = [*shared, *weights]
    found = [torch.zeros_like(leaf) for leaf in shared]
    gradients: list[Tensor | None] = [None] * len(weights)
    total = torch.zeros((), device=features.device)
    for rows, columns, classes in _groups(region):
        windows, targets = mix(window_features(network, shared[0], rows, columns), classes)
        value = loss(window_logits(network, windows, shared[1]), targets)
        parts = torch.autograd.grad(value, leaves, allow_unused=True)
        _add(found, parts[:2])
        gradients = _sum(gradients, parts[2:])
        total = total + value.detach()
    reached = [(y, g) for y, g in zip((features, matrix), found, strict=True) if y.requires_grad]
    if reached:
        outputs, given = zip(*reached, strict=True)
        below = torch.autograd.grad(outputs, weights, given, allow_unused=True)
        gradients = _sum(gradients, below)
    return total, gradients


def _groups(region: Region) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    places = region.rows, region.columns, region.classes
    return zip(*(torch.split(each, WINDOWS) for each in places), strict=True)


def _add(totals: Sequence[Tensor], parts: Sequence[Tensor | None]) -> None:
    for total, part in zip(totals, parts, strict=True):
        if part is not None:
            total += part


def _sum(ones: Sequence[Tensor | None], others: Sequence[Tensor | None]) -> list[Tensor | None]:
    pairs = zip(ones, others, strict=True)
    return [one if other is None else other if one is None else one + other for one, other in pairs]


class _WithGradients(torch.autograd.Function):
    """A loss whose gradients are there already: they take part in one backward pass.

    So gradients meet autograd where hooks wait for them, of several devices and scaled losses.
    """

    @staticmethod
    def forward(ctx: Any, loss: Tensor, *weights_and_gradients: Tensor) -> Tensor:
        ctx.gradients = weights_and_gradients[len(weights_and_gradients) // 2 :]
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = grad_outputs
        gradients = tuple(gradient * scale for gradient in ctx.gradients)
        return (None, *gradients, *(None for _ in gradients))
