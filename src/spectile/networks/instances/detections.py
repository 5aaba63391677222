"""What a network of instances finds in an image, and its masks at the image's resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Detections:
    """N objects of one image, the surest first."""

    boxes: Tensor
    """Left, top, right and bottom in pixels of the image, its edges at 0 and W, 0 and H; (N, 4)."""
    scores: Tensor
    """From 0 to 1; (N,)."""
    classes: Tensor
    """From 0; (N,)."""
    masks: Tensor
    """Logits of belonging to the object, on R x R cells that fill its box; (N, R, R)."""

    def __len__(self) -> int:
        return len(self.scores)

    def mask_of(self, place: int, height: int, width: int) -> tuple[int, int, Tensor]:
        """The pixels of one object in an image of `height` x `width`: row, column, mask (h, w).

        Row and column are where the mask begins; it is empty for a box outside of the image. A
        pixel's logit is read at its middle, bilinearly between the middles of the cells.
        """
        left, top, right, bottom = self.boxes[place].double().tolist()
        first_row, last_row = max(0, int(top)), min(height, -int(-bottom // 1))
        first_column, last_column = max(0, int(left)), min(width, -int(-right // 1))
        rows, columns = max(0, last_row - first_row), max(0, last_column - first_column)
        if not rows or not columns:
            return first_row, first_column, torch.zeros(rows, columns, dtype=torch.bool)
        y = (torch.arange(rows) + first_row + 0.5 - top) / max(bottom - top, 1e-6)
        x = (torch.arange(columns) + first_column + 0.5 - left) / max(right - left, 1e-6)
        at = torch.stack(torch.meshgrid(2 * y - 1, 2 * x - 1, indexing="ij")[::-1], dim=-1)
        cells = self.masks[place].detach().float().cpu()
        logits = F.grid_sample(
            cells[None, None], at[None].float(), padding_mode="border", align_corners=False
        )[0, 0]
        inside = ((y >= 0) & (y <= 1))[:, None] & ((x >= 0) & (x <= 1))[None]
        return first_row, first_column, (logits > 0) & inside


class FindsInstances(Protocol):
    """A network that finds objects in images (N, bands, H, W) of any size."""

    def detect(self, images: Tensor) -> Sequence[Detections]:
        """What it finds in each image; a network in evaluation mode."""
        ...
