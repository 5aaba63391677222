"""A classifier of the centre pixel's spectrum, joined with any network of windows.

The logits of both are averaged with weights: a weighted geometric mean of what both find probable
(Heskes, "Selecting Weighting Factors in Logarithmic Opinion Pools", NIPS 1997). What a window shows
best is the field that it lies in, which no other field need be like, and least that field's edge.
"""

from __future__ import annotations

import inspect
from typing import ClassVar

import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.networks.classifying import HIDDEN, hidden_layers, last_linear
from spectile.networks.wrapping import Around

OPTION = inspect.Parameter(
    "spectral_branch", inspect.Parameter.KEYWORD_ONLY, default=0.0, annotation=float
)
"""The branch's weight in the logits, as an option of networks."""
BRANCH = "spectral_branch."


class WithSpectralBranch(Around):
    """Classify windows (N, bands, h, w) by a network of windows and by the spectrum in the middle.

    The logits (N, classes) are (1 - `logit_weight`) times those of `network`, plus `logit_weight`
    times those of the branch, a small perceptron on the spectrum (N, bands) of the centre pixel.
    `logit_weight` is above 0 and below 1. In a state_dict the branch's weights stand beside those
    of `network`, which keep their names. With 0 classes the network's features come out unchanged.

    Raises InputError for another `logit_weight`, and for a network that has such a branch already.
    """

    beside: ClassVar[tuple[str, ...]] = (BRANCH,)

    def __init__(
        self,
        network: nn.Module,
        logit_weight: float,
        *,
        bands: int,
        classes: int,
        dropout: float = 0.4,
    ) -> None:
        super().__init__(network)
        if not 0 < logit_weight < 1:
            raise InputError(
                f"A spectral branch can't have a weight of {logit_weight}: choose one from 0, for "
                "none, to below 1."
            )
        if any(name.startswith(BRANCH) for name, _ in network.named_parameters()):
            raise InputError(
                f"{type(network).__name__} has a spectral branch already: choose a weight of 0."
            )
        self.logit_weight = logit_weight
        self.classes = classes
        self.spectral_branch = nn.Sequential(*hidden_layers(bands, classes, dropout))

    def forward(self, x: Tensor) -> Tensor:
        # A copy, for a network may write into its input; what is no window the network refuses.
        spectra = x[..., x.size(-2) // 2, x.size(-1) // 2].clone()
        return self.joined(self.network(x), spectra)

    def joined(self, logits: Tensor, spectra: Tensor) -> Tensor:
        """The network's logits (N, classes), averaged with the branch's of spectra (N, bands)."""
        if not self.classes:
            return logits
        # Autocast may give them different types.
        branch = self.spectral_branch(spectra).to(logits.dtype)
        return torch.lerp(logits, branch, self.logit_weight)

    def reset_classifier(self, classes: int) -> None:
        """Exchange the last layer of both; 0 classes leave the network's features alone."""
        self.network.reset_classifier(classes)  # type: ignore[operator]
        old = self.spectral_branch[-1]
        weight = next(self.spectral_branch.parameters())
        fresh = last_linear(HIDDEN[1], classes)
        self.spectral_branch[-1] = fresh.to(weight.device, weight.dtype).train(old.training)
        self.classes = classes


def with_spectral_branch(
    network: nn.Module, logit_weight: float, *, bands: int, classes: int, dropout: float = 0.4
) -> nn.Module:
    """`network`, joined with a spectral branch where that has a `logit_weight` other than 0."""
    if logit_weight == 0:
        return network
    return WithSpectralBranch(network, logit_weight, bands=bands, classes=classes, dropout=dropout)


def without_spectral_branch(network: nn.Module) -> nn.Module:
    """The part that sees windows; any other network is that as a whole."""
    return network.network if isinstance(network, WithSpectralBranch) else network
