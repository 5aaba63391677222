"""An image changed together with its class mask, one pair at a time.

Scales and crops as in Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation",
2017, arXiv:1706.05587, section 4. Deviation: the crop is cut before it is scaled, so that the cost
is that of the crop, whatever the image's size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from spectile.errors import InputError

IGNORED = -1
"""Place of a pixel in a mask that has no class."""


def random_scale_crop(
    image: Tensor,
    mask: Tensor,
    edge: int,
    scales: tuple[float, float] = (0.5, 2.0),
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """A square of `edge` pixels out of an image (C, H, W) and its mask (H, W), scaled at random.

    The scale is drawn from `scales`; the image is interpolated bilinearly, the mask takes the
    nearest pixel. A scaled image smaller than the square lies anywhere in it, on 0 and -1. Raises
    InputError for an edge below 1, scales of 0 or less, and a mask of another size.
    """
    if edge < 1 or not 0 < scales[0] <= scales[1]:
        raise InputError(
            f"Crops can't be {edge} pixels wide at scales of {scales[0]} to {scales[1]}: choose "
            "an edge of at least 1 and scales above 0, the smaller one first."
        )
    if image.shape[1:] != mask.shape:
        raise InputError(
            f"A mask of {tuple(mask.shape)} pixels doesn't belong to an image of "
            f"{tuple(image.shape[1:])}: give masks of their images' sizes."
        )
    drawn = torch.rand(5, generator=generator, dtype=torch.float64).tolist()
    scale = scales[0] + drawn[0] * (scales[1] - scales[0])
    top, rows, height = crop_extent(mask.shape[0], edge, scale, drawn[1])
    left, columns, width = crop_extent(mask.shape[1], edge, scale, drawn[2])
    image = image[:, top : top + rows, left : left + columns]
    mask = mask[top : top + rows, left : left + columns]
    image = F.interpolate(image[None], (height, width), mode="bilinear", align_corners=False)[0]
    mask = mask[nearest(rows, height, mask)][:, nearest(columns, width, mask)]
    above, before = place(edge - height, drawn[3]), place(edge - width, drawn[4])
    around = (before, edge - width - before, above, edge - height - above)
    return F.pad(image, around), F.pad(mask, around, value=IGNORED)


def flip_with_mask(
    image: Tensor, mask: Tensor, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """An image (C, H, W) and its mask (H, W) as they are or mirrored, with even chances."""
    if float(torch.rand((), generator=generator)) < 0.5:
        return image.flip(2), mask.flip(1)
    return image, mask


def rotate_with_mask(
    image: Tensor, mask: Tensor, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """An image (C, H, W) and its mask (H, W) in one of the eight flips and quarter turns.

    For pictures from above. A quarter turn swaps height and width.
    """
    symmetry = int(torch.randint(8, (), generator=generator))
    image, mask = image.rot90(symmetry % 4, (1, 2)), mask.rot90(symmetry % 4, (0, 1))
    return (image.flip(2), mask.flip(1)) if symmetry >= 4 else (image, mask)


def crop_extent(whole: int, edge: int, scale: float, chance: float) -> tuple[int, int, int]:
    """Where a cut of `whole` pixels begins, how long it is, and how long once it is scaled."""
    length = max(1, min(whole, round(edge / scale)))
    return place(whole - length, chance), length, max(1, min(edge, round(length * scale)))


def place(room: int, chance: float) -> int:
    """One of the places 0 to `room`, by a `chance` of 0 to below 1."""
    return int(chance * (room + 1))


def nearest(old: int, new: int, like: Tensor) -> Tensor:
    """For each of `new` pixels the one of `old` whose middle is nearest, as bilinear weights lie.

    PyTorch's own "nearest" is off by half a pixel and doesn't take integers.
    """
    middles = (torch.arange(new, device=like.device, dtype=torch.float64) + 0.5) * old / new
    return middles.floor().long().clamp(max=old - 1)
