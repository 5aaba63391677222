"""The gradients of a step of region training, region by region and within a memory bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spectile.networks.spectral_branch import WithSpectralBranch, without_spectral_branch
from spectile.networks.windows.region_training import TrainsOnRegions
from spectile.training.regions.labelled_regions import Region

WINDOWS = 256
"""Windows whose features are held at a time, 74 KB each for windows of 25 pixels."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits (N, classes) and targets to a sum over the windows."""


def region_loss(network: TrainsOnRegions, regions: Iterable[Region], loss: Loss) -> Tensor:
    """The sum of `loss` over all windows of `regions`; its gradients are those of the windows.

    The gradients are computed at once, so that no more than one region's features are held at a
    time; the backward pass of the result, of which there can be one, only hands them out.
    """
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    gradients = [torch.zeros_like(weight) for weight in weights]
    total = torch.zeros((), device=next(network.parameters()).device)
    for region in regions:
        value, parts = _region_gradients(network, weights, region, loss)
        total = total + value
        _add(gradients, parts)
    result: Tensor = _WithGradients.apply(total, *weights, *gradients)  # type: ignore[no-untyped-call]
    return result


def region_logits(network: nn.Module, region: Region) -> Tensor:
    """Logits (N, classes) of a region's windows, without gradients."""
    windows = without_spectral_branch(network)
    assert isinstance(windows, TrainsOnRegions)
    with torch.no_grad():
        shared = windows.shared(region.components[None])
        groups = _groups(region)
        logits = torch.cat([windows.window_logits(shared, *places) for *places, _ in groups])
        if isinstance(network, WithSpectralBranch):
            return network.joined(logits, region.centres(windows.window))
        return logits


def _region_gradients(
    network: TrainsOnRegions, weights: Sequence[nn.Parameter], region: Region, loss: Loss
) -> tuple[Tensor, list[Tensor | None]]:
    """One region's loss and what it adds to the gradients of `weights`.

    First what each window does by itself, group by group, down to what all groups share; then from
    there once to the weights.
    """
    with torch.enable_grad():
        outputs = network.shared(region.components[None])
    shared = tuple(output.detach().requires_grad_() for output in outputs)
    leaves: list[Tensor] = [*shared, *weights]
    found = [torch.zeros_like(leaf) for leaf in shared]
    gradients: list[Tensor | None] = [None] * len(weights)
    total = torch.zeros((), device=region.components.device)
    for rows, columns, classes in _groups(region):
        value = loss(network.window_logits(shared, rows, columns), classes)
        parts = torch.autograd.grad(value, leaves, allow_unused=True)
        _add(found, parts[: len(shared)])
        gradients = _sum(gradients, parts[len(shared) :])
        total = total + value.detach()
    reached = [(y, g) for y, g in zip(outputs, found, strict=True) if y.requires_grad]
    if reached:
        above, given = zip(*reached, strict=True)
        below = torch.autograd.grad(above, weights, given, allow_unused=True)
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
