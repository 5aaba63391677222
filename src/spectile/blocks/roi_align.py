"""RoIAlign: maps read bilinearly on a grid of cells that fills a box, without any rounding.

He, Gkioxari, Dollár and Girshick, "Mask R-CNN", ICCV 2017, section 3. One point a cell, its middle
(sampling ratio 1), and a map's values at the middles of its cells ("aligned").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def roi_align(maps: Tensor, boxes: Tensor, images: Tensor, size: int, stride: float) -> Tensor:
    """Maps (N, C, H, W) of a stride, read in boxes (P, 4) of pixels: (P, C, size, size).

    `boxes` are left, top, right and bottom, the edges of the image at 0; `images` (P,) says from 0
    in which image of the batch each lies, in ascending order. Beyond its outermost middles a map
    goes on with the values that it has there.
    """
    maps = maps.to(torch.promote_types(maps.dtype, boxes.dtype))  # bf16 can't tell pixels apart
    height, width = maps.shape[2:]
    steps = (torch.arange(size, device=boxes.device, dtype=boxes.dtype) + 0.5) / size
    left, top, right, bottom = boxes.unbind(1)
    x = (left[:, None] + (right - left)[:, None] * steps) / stride
    y = (top[:, None] + (bottom - top)[:, None] * steps) / stride
    # As grid_sample counts: -1 and 1 are a map's edges.
    grid = torch.stack(
        [
            (2 * x / width - 1)[:, None, :].expand(-1, size, -1),
            (2 * y / height - 1)[:, :, None].expand(-1, -1, size),
        ],
        dim=3,
    ).to(maps)
    counts = torch.bincount(images, minlength=len(maps)).tolist()
    grids = torch.split(grid, counts)
    read = [
        F.grid_sample(
            one[None], points.reshape(1, -1, size, 2), padding_mode="border", align_corners=False
        )
        .view(maps.shape[1], -1, size, size)
        .transpose(0, 1)
        for one, points in zip(maps, grids, strict=True)
    ]
    return torch.cat(read)
