"""What the numbers and colours of mask files mean: class indices, or no class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.legend import Legend
from spectile.data.labels.masks.mask_file import NOTHING, MaskPixels, read_mask
from spectile.errors import InputError

BLACK = 0
"""What colour masks show where nothing is labelled, unless a class is black."""


@dataclass(frozen=True, eq=False)
class MaskClasses:
    """The classes of mask files, and how to tell them."""

    legend: Legend
    by_value: Mapping[int, int]
    """The class index, from 1, of each value that masks may hold; 0 for one to ignore."""
    by_color: Mapping[int, int]
    """The class index of each colour 0xRRGGBB; 0 for one to ignore."""
    source: str
    """Where a class that is missing must be added, for messages."""
    prefer_colors: bool = False
    """Whether the colours of palettes count and their values don't."""

    @property
    def void_values(self) -> tuple[int, ...]:
        """The values to ignore."""
        return tuple(value for value, index in self.by_value.items() if index == 0)

    def class_indices(self, mask: MaskPixels, name: str) -> NDArray[np.uint16]:
        """Class indices (H, W) of a mask from 1, 0 where it has no class.

        Raises InputError naming the mask and its value or colour that is no class.
        """
        if mask.palette is not None and self.prefer_colors:
            mask = MaskPixels(by_palette(mask), colored=True)
        if not mask.colored:
            return self._translated(mask.numbers, self.by_value, name, "value")
        # Masks of class numbers are also saved as RGB, with the number in all three channels.
        grey = {value * 0x010101: index for value, index in self.by_value.items() if value < 256}
        meaning = {BLACK: 0, **grey, **self.by_color}
        return self._translated(mask.numbers, meaning, name, "colour")

    def _translated(
        self,
        numbers: NDArray[np.int32],
        meaning: Mapping[int, int],
        name: str,
        kind: Literal["value", "colour"],
    ) -> NDArray[np.uint16]:
        known = np.array([NOTHING, *sorted(meaning)], dtype=np.int32)
        indices = np.array([0, *(meaning[k] for k in sorted(meaning))], dtype=np.uint16)
        at = np.searchsorted(known, numbers).clip(max=len(known) - 1)
        strange = numbers[known[at] != numbers]
        if strange.size:
            number = int(strange[0])
            said = number if kind == "value" else color_name(number)
            hint = f", or name it by --ignore {number} if it means unlabelled"
            raise InputError(
                f"{name} holds the {kind} {said}, which {self.source} lacks: add it there"
                f"{hint if kind == 'value' else ' or correct the mask'}."
            )
        found: NDArray[np.uint16] = indices[at]
        return found


@dataclass(frozen=True, eq=False)
class MaskFiles:
    """Mask files, read as class indices."""

    paths: tuple[Path, ...] = field(repr=False)
    meaning: MaskClasses

    @property
    def classes(self) -> int:
        return len(self.meaning.legend)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def read(self, index: int) -> NDArray[np.uint16]:
        path = self.paths[index]
        return self.meaning.class_indices(read_mask(path), str(path))


def by_palette(mask: MaskPixels) -> NDArray[np.int32]:
    """A palette mask's colours (H, W) as 0xRRGGBB."""
    assert mask.palette is not None
    colors = mask.palette[mask.numbers]
    return np.where(mask.numbers == NOTHING, np.int32(NOTHING), colors)


def color_name(color: int) -> str:
    """A colour 0xRRGGBB as "#rrggbb"."""
    return f"#{color:06x}"
