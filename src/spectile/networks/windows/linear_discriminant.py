"""Linear discriminant analysis of single spectra as a network: windows of one pixel to logits.

Principal components and discriminants are linear, so both are one layer. Its numbers come from
scikit-learn, and the softmax of its logits are the probabilities that has.
"""

from __future__ import annotations

from torch import Tensor, nn

from spectile.networks.arguments import check_single_pixel, check_sizes
from spectile.networks.registry import register


@register(
    "lda",
    takes="windows",
    summary="PCA and linear discriminant analysis of single spectra, fitted by scikit-learn",
    paper="Fisher 1936, doi:10.1111/j.1469-1809.1936.tb02137.x",
)
class LinearDiscriminant(nn.Module):
    """Classify single pixels: (N, bands, 1, 1) to logits (N, classes).

    Raises InputError for another window, and for bands or classes below 1.
    """

    def __init__(self, bands: int, classes: int, *, window: int = 1) -> None:
        super().__init__()
        check_sizes("lda", bands, classes)
        check_single_pixel("lda", window)
        self.window = window
        self.discriminants = nn.Conv2d(bands, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.discriminants(x).flatten(1)
        return logits
