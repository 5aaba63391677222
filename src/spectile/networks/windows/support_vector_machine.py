"""A support vector machine of single spectra as a network: windows of one pixel to logits.

One machine with a radial kernel for each pair of classes, as LIBSVM has it (Chang and Lin, ACM TIST
2(3), 2011); its numbers come from scikit-learn, not from gradients. So it is kept in a model file
without pickles, and mapped like any other network.

Of the pairs' margins each class gets a vote for each that it wins, and the sum of its margins,
squeezed between -1/3 and 1/3, decides between equal votes: scikit-learn's ``decision_function``
for more than two classes. These are the logits, so probabilities are their softmax, and no
estimate of a frequency unless they are calibrated.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.networks.arguments import check_single_pixel, check_sizes
from spectile.networks.registry import register

USUAL = 1_000
"""Support vectors of a machine that nobody has fitted, as for counting what it costs."""
NEVER = -1e30
"""The logit of a class that had no training pixel."""


@register(
    "svm",
    takes="windows",
    summary="Support vector machine of single spectra, fitted by scikit-learn",
    paper="Cortes and Vapnik 1995, doi:10.1007/BF00994018",
)
class SupportVectorMachine(nn.Module):
    """Classify single pixels: (N, bands, 1, 1) to logits (N, classes).

    Raises InputError for another window, and for bands or classes below 1.
    """

    def __init__(
        self, bands: int, classes: int, *, window: int = 1, support_vectors: int = USUAL
    ) -> None:
        super().__init__()
        check_sizes("svm", bands, classes)
        check_single_pixel("svm", window)
        pairs = classes * (classes - 1) // 2
        self.window = window
        self.support_vectors = support_vectors
        self.scale = nn.Conv2d(bands, bands, 1, groups=bands)
        """Standardises, and multiplies by the root of gamma: the kernel is exp(-distance²) then."""
        self.vectors = nn.Conv2d(bands, support_vectors, 1)
        """Twice the products with the support vectors, less their squares."""
        self.machines = nn.Conv2d(support_vectors, pairs, 1)
        """The margin of each pair of classes (0, 1), (0, 2) ... (1, 2) ..., for the first of it."""
        self.votes = nn.Conv2d(pairs, classes, 1)
        """Whom a margin speaks for: 1 for the first of its pair, -1 for the second."""

    def forward(self, x: Tensor) -> Tensor:
        spectra = self.scale(x)
        squares = spectra.square().sum(1, keepdim=True)
        # Rounding may put a spectrum that is a support vector below a distance of 0.
        kernel = torch.exp((self.vectors(spectra) - squares).clamp(max=0))
        margins = self.machines(kernel)
        won = self.votes((margins >= 0).to(margins.dtype))
        summed = F.conv2d(margins, self.votes.weight)
        logits: Tensor = won + summed / (3 * (summed.abs() + 1))
        return logits.flatten(1)
