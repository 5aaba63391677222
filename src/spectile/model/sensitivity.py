"""Along which directions in components a network's answer changes, and how much."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectile.networks.map_channels import evaluating
from spectile.networks.own.fitting import first_weight

PROBES = 2
"""Random contrasts of classes that each window's logits are asked about."""
AT_ONCE = 64
"""Windows whose gradients are computed together."""


def sensitive_directions(
    network: nn.Module, windows: Tensor, *, seed: int
) -> NDArray[np.float32] | None:
    """A matrix D (C, C): a change d of a window's spectra moves the logits by about |d @ D|.

    `windows` (N, C, h, w) are some that the network knows. d (C,) is added to all pixels of a
    window, as light and haze would; what changes all logits alike changes no class and counts
    nothing. D @ D.T is the mean over the windows of J.T @ J, J (classes, C) being the derivatives
    of the logits without their mean: the matrix of "active subspaces" (Constantine, Dow and Wang,
    SIAM J. Sci. Comput. 36, 2014, section 2), found by random signs in place of one class after the
    other (Hutchinson, Commun. Stat. Simul. Comput. 19, 1990).

    Permutation importance, which Meyer and Pebesma weigh variables by, gives one number a
    component. This matrix has directions as well: spectra that are brighter as a whole differ in
    all components, and a network that has learnt to overlook that isn't sensitive to it, though it
    is to each of them. And it makes no difference how components are scaled, whitened or turned,
    for then gradients change the other way.

    None where the network's answer doesn't change, where it gives no derivatives in evaluation, or
    where these are no numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    weight = first_weight(network)
    found = []
    with evaluating(network), torch.enable_grad():
        for first in range(0, len(windows), AT_ONCE):
            leaf = windows[first : first + AT_ONCE].to(weight.device, weight.dtype).requires_grad_()
            logits = network(leaf.clone())  # a network may write into its input
            if not logits.requires_grad:
                return None
            for probe in range(PROBES):
                signs = torch.randint(0, 2, logits.shape, generator=generator) * 2.0 - 1
                contrast = (signs - signs.mean(1, keepdim=True)).to(logits)
                (gradient,) = torch.autograd.grad(
                    *((logits * contrast).sum(), leaf),
                    retain_graph=probe < PROBES - 1,
                    materialize_grads=True,
                )
                found.append(gradient.sum((2, 3)).double().cpu())
    gradients = torch.cat(found)
    if not bool(gradients.isfinite().all()) or not bool(gradients.any()):
        return None
    strengths, axes = torch.linalg.eigh(gradients.T @ gradients / len(gradients))
    directions: NDArray[np.float32] = (axes * strengths.clamp(min=0).sqrt()).float().numpy()
    return directions
