"""Weights for one number of bands made to fit another: see :func:`adapt_bands`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spectile.errors import InputError

STEM = "stem.conv.weight"


def adapt_bands(state_dict: Mapping[str, Tensor], bands: int) -> dict[str, Tensor]:
    """A copy of `state_dict` whose first convolution takes `bands` bands.

    The rule: new bands take the old ones' kernels in turn, band b that of band b modulo the old
    count. A kernel that several new bands take is shared out evenly among them; where the new bands
    are fewer, the kernels that fall on the same one are added up. So an image whose bands are all
    alike gives the same response as before, with any number of bands.

    It is a guess: the rule knows nothing of wavelengths, and colours that the old kernels told
    apart need not be those of the new bands. Fine-tune.

    `state_dict` is that of a network built here (see :func:`~spectile.networks.weights.convert` for
    others), a DeepLabv3+ included. Raises InputError if it has no such convolution or for less than
    one band.
    """
    if bands < 1:
        raise InputError(f"Weights can't be adapted to {bands} bands: choose at least one.")
    stems = [key for key in state_dict if f".{key}".endswith(f".{STEM}")]
    if len(stems) != 1:
        raise InputError(
            f"These weights have no {STEM} to adapt: give those of a network of the catalogue that "
            "takes images, converted from timm or torchvision if need be."
        )
    return {**state_dict, stems[0]: shared_kernels(state_dict[stems[0]], bands)}


def shared_kernels(weight: Tensor, bands: int) -> Tensor:
    """Kernels (O, old, K, K) as (O, bands, K, K) with the same sum over the bands."""
    old = weight.shape[1]
    if bands == old:
        return weight.clone()
    if bands > old:
        takers = torch.bincount(torch.arange(bands) % old).to(weight)
        return (weight / takers[:, None, None])[:, torch.arange(bands) % old]
    kernels = weight.new_zeros(weight.shape[0], bands, *weight.shape[2:])
    return kernels.index_add(1, torch.arange(old, device=weight.device) % bands, weight)
