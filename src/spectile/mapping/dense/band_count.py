"""How many bands a network takes, where nobody says."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from spectile.errors import InputError
from spectile.mapping.dense.recording import evaluation_mode, typical_weight
from spectile.mapping.dense.refusal import unfitting

MOST_BANDS = 1024


def bands_of(module: nn.Module, window: tuple[int, int]) -> tuple[int, bool]:
    """The bands of windows (N, bands, h, w) that `module` takes, and whether that is sure.

    Asked of its attribute `bands`, then read from its first 2-D convolution, then tried out:
    a stack of 3-D convolutions tells its depth only by what fits the Linear behind it, and behind
    a spectral stride more than one number may.
    Raises InputError, with the network's own words, where no number fits.
    """
    if any(is_lazy(parameter) for parameter in module.parameters()):
        raise InputError(
            f"{type(module).__name__} has layers whose size isn't settled yet: "
            "run it once on a batch of windows."
        )
    told = getattr(module, "bands", None)
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    guesses = [told] if isinstance(told, int) else []
    guesses += [first.in_channels] if first is not None else []
    weight = typical_weight(module)
    failure: Exception | None = None
    with evaluation_mode(module), torch.no_grad():
        for bands in [*guesses, *range(1, MOST_BANDS + 1)]:
            try:
                result = module(weight.new_zeros((2, bands, *window)))
            except Exception as error:  # whatever an unfitting shape leads to
                failure = failure or error
                if bands == told:
                    break
                continue
            # A view may have made one window of two with half the bands each.
            if isinstance(result, Tensor) and len(result) == 2:
                return int(bands), bands in guesses
    raise unfitting(module, window, None, failure or ValueError("it gives no logits"))
