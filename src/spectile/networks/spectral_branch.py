"""A classifier of the centre pixel's spectrum, joined with any network of windows.

The logits of both are averaged with weights: a weighted geometric mean of what both find probable
(Heskes, "Selecting Weighting Factors in Logarithmic Opinion Pools", NIPS 1997). What a window shows
best is the field that it lies in, which no other field need be like, and least that field's edge.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.networks.classifying import HIDDEN, hidden_layers, last_linear

OPTION = inspect.Parameter(
    "spectral_branch", inspect.Parameter.KEYWORD_ONLY, default=0.0, annotation=float
)
"""The branch's weight in the logits, as an option of networks."""
INNER, BRANCH = "network.", "spectral_branch."


class WithSpectralBranch(nn.Module):
    """Classify windows (N, bands, h, w) by a network of windows and by the spectrum in the middle.

    The logits (N, classes) are (1 - `logit_weight`) times those of `network`, plus `logit_weight`
    times those of the branch, a small perceptron on the spectrum (N, bands) of the centre pixel.
    `logit_weight` is above 0 and below 1. In a state_dict the branch's weights stand beside those
    of `network`, which keep their names. With 0 classes the network's features come out unchanged.

    Raises InputError for another `logit_weight`, and for a network that has such a branch already.
    """

    def __init__(
        self,
        network: nn.Module,
        logit_weight: float,
        *,
        bands: int,
        classes: int,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        if not 0 < logit_weight < 1:
            raise InputError(
                f"A spectral branch can't have a weight of {logit_weight}: choose one from 0, for "
                "none, to below 1."
            )
        if any(name.startswith(BRANCH) for name, _ in network.named_parameters()):
            raise InputError(
                f"{type(network).__name__} has a spectral branch already: choose a weight of 0."
            )
        self.network = network
        self.logit_weight = logit_weight
        self.classes = classes
        self.spectral_branch = nn.Sequential(*hidden_layers(bands, classes, dropout))
        # PyTorch's have no types.
        self.register_state_dict_post_hook(_put_side_by_side)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_take_apart)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_name_as_given)  # type: ignore[no-untyped-call]

    @property
    def bands(self) -> Any:
        """Those of the network, where it says them."""
        return self.network.bands

    @property
    def window(self) -> Any:
        """The network's window in pixels, where it says it."""
        return self.network.window

    @property
    def num_features(self) -> Any:
        """Features that come into the network's last layer, where it says them."""
        return self.network.num_features

    def forward(self, x: Tensor) -> Tensor:
        logits = self.network(x)
        return self.joined(logits, x[:, :, x.size(2) // 2, x.size(3) // 2])

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

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """PyTorch's; the network may have its own, for memory formats."""
        self.network.to(*args, **kwargs)
        self.spectral_branch.to(*args, **kwargs)
        return self


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


def _put_side_by_side(
    module: nn.Module, state_dict: dict[str, Any], prefix: str, _metadata: object
) -> None:
    weights = _popped(state_dict, prefix)
    state_dict.update({prefix + key.removeprefix(INNER): value for key, value in weights.items()})


def _take_apart(
    module: nn.Module, state_dict: dict[str, Any], prefix: str, *_others: object
) -> None:
    for key, value in _popped(state_dict, prefix).items():
        state_dict[prefix + key if key.startswith(BRANCH) else prefix + INNER + key] = value


def _name_as_given(module: nn.Module, incompatible: Any) -> None:
    for keys in (incompatible.missing_keys, incompatible.unexpected_keys):
        keys[:] = [key.removeprefix(INNER) for key in keys]


def _popped(state_dict: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The weights whose names begin with `prefix`, taken out, by the rest of their names."""
    keys = [key for key in state_dict if key.startswith(prefix)]
    return {key.removeprefix(prefix): state_dict.pop(key) for key in keys}
