"""Brightness, contrast and saturation of photographs, changed by random factors.

Howard, "Some Improvements on Deep Convolutional Neural Network Based Image Classification", 2013,
arXiv:1312.5402, section 2; one fixed order instead of a random one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spectile.errors import InputError

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue look, ITU-R BT.601."""


def jitter_colours(
    images: Tensor,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Photographs (N, 3, H, W), red, green and blue of 0 to 1, in other colours of 0 to 1.

    Each image is blended with black, with its mean grey and with its own greys, by factors drawn
    from 1 - x to 1 + x for the x given. Normalise afterwards. Raises InputError for another number
    of bands, for which these words have no meaning, and for an x outside 0 to 1.
    """
    if images.shape[1] != 3:
        raise InputError(
            f"Colours can be jittered in images of red, green and blue alone, not in those of "
            f"{images.shape[1]} bands: leave colour jitter out."
        )
    strengths = torch.tensor((brightness, contrast, saturation))
    if not bool(((strengths >= 0) & (strengths <= 1)).all()):
        raise InputError(
            f"Colours can't be jittered by {brightness}, {contrast} and {saturation}: "
            "choose numbers from 0 to 1."
        )
    drawn = 2 * torch.rand(len(images), 3, generator=generator) - 1
    factors = (1 + strengths * drawn).to(images)[:, :, None, None, None]
    brighter, starker, richer = factors.unbind(1)
    images = (images * brighter).clamp(0, 1)
    mean = grey(images).mean((2, 3), keepdim=True)
    images = torch.lerp(mean, images, starker).clamp(0, 1)
    return torch.lerp(grey(images), images, richer).clamp(0, 1)


def grey(images: Tensor) -> Tensor:
    """(N, 3, H, W) to how bright they look, (N, 1, H, W)."""
    luma = torch.tensor(LUMA).to(images)
    return (images * luma[:, None, None]).sum(1, keepdim=True)
