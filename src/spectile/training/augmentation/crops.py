"""Crops of padded images, as for CIFAR-10.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2: four
pixels of padding on each side, then a crop of the image's own size.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from spectile.errors import InputError

Filling = Literal["zeros", "reflection"]


def random_crop(
    images: Tensor,
    padding: int = 4,
    filling: Filling = "zeros",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Each image (N, C, H, W) shifted by up to `padding` pixels along either axis.

    What comes in at the border is zero or the image's reflection. Raises InputError for a negative
    padding, and for a reflection as wide as the image.
    """
    height, width = images.shape[2:]
    if padding < 0 or (filling == "reflection" and padding >= min(height, width)):
        raise InputError(
            f"Images of {height} x {width} pixels can't be padded by {padding} with {filling}: "
            "choose a smaller padding, 0 at least."
        )
    if not padding:
        return images
    mode = "reflect" if filling == "reflection" else "constant"
    padded = F.pad(images, (padding,) * 4, mode)
    offsets = torch.randint(2 * padding + 1, (2, len(images)), generator=generator)
    top, left = offsets.to(images.device)
    every = torch.arange(len(images), device=images.device)
    # A view (N, C, 2p + 1, 2p + 1, H, W) of all the crops there are.
    return padded.unfold(2, height, 1).unfold(3, width, 1)[every, :, top, left]
