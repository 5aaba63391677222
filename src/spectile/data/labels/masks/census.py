"""What many masks hold, counted: their numbers or colours, and what palettes show them in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectile.data.labels.masks.mask_file import NOTHING, MaskPixels, read_mask
from spectile.data.readers.unreadable import UnreadableImageError
from spectile.errors import InputError
from spectile.files.threads import in_threads

MOST_COUNTED = 4096
"""Numbers or colours of one mask, its most frequent: more are those of a photograph."""


@dataclass(frozen=True)
class MaskCensus:
    """What one mask holds."""

    path: Path
    counts: Mapping[int, int]
    """Pixels of each number, or of each colour 0xRRGGBB of a colour mask."""
    pixels: int
    """In all, those without a number among them."""
    colored: bool
    shown: Mapping[int, int]
    """The palette's colours of the numbers; empty without a palette."""
    layers: int = 1
    """Of a file with a layer for each class."""
    turned: bool = False
    """Whether EXIF's orientation was applied."""

    @property
    def grey(self) -> bool:
        """Whether a colour mask has the same number in all channels of every pixel."""
        return self.colored and all(color % 0x010101 == 0 for color in self.counts)

    @property
    def values(self) -> Mapping[int, int]:
        """Pixels of each class number, of a grey colour mask those of its channels."""
        if not self.colored:
            return self.counts
        return {color // 0x010101: count for color, count in self.counts.items()}


def census_of(
    paths: Sequence[Path], progress: Callable[[int, int], None] | None
) -> list[MaskCensus]:
    """All masks counted, but for damaged ones, which whoever loads them will name.

    Raises InputError where none can be read, and as :func:`read_mask` for what is no mask.
    """
    found: list[MaskCensus] = []
    for done, mask in enumerate(in_threads(_counted, paths), start=1):
        if mask is not None:
            found.append(mask)
        if progress is not None:
            progress(done, len(paths))
    if not found:
        raise InputError(f"none of the {len(paths)} masks can be read; the first is {paths[0]}.")
    return found


def notes_on_files(masks: Sequence[MaskCensus]) -> tuple[str, ...]:
    """What was decided on how the masks are stored."""
    notes = []
    layered = [mask.path for mask in masks if mask.layers > 1]
    if layered:
        notes.append(
            f"{_masks(len(layered))} stored as layers, each of which is a class by its number from "
            f"0; pixels in none are unlabelled. The first is {layered[0]}."
        )
    turned = [mask.path for mask in masks if mask.turned]
    if turned:
        notes.append(
            f"{_masks(len(turned))} turned as the EXIF orientation says, the first is {turned[0]}."
        )
    return tuple(notes)


def total(counts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The sums of several counts, in rising order of what was counted."""
    summed: Counter[int] = Counter()
    for one in counts:
        summed.update(one)
    return dict(sorted(summed.items()))


def _counted(path: Path) -> MaskCensus | None:
    try:
        mask = read_mask(path)
    except UnreadableImageError:
        return None
    counts = _counts(mask)
    shown = {} if mask.palette is None else {n: int(mask.palette[n]) for n in counts}
    return MaskCensus(
        path, counts, mask.numbers.size, mask.colored, shown, mask.layers, mask.turned
    )


def _counts(mask: MaskPixels) -> dict[int, int]:
    if mask.colored:
        numbers, counts = np.unique(mask.numbers[mask.numbers != NOTHING], return_counts=True)
    else:
        bins = np.bincount(mask.numbers.ravel() + 1)[1:]
        numbers = np.flatnonzero(bins)
        counts = bins[numbers]
    if len(numbers) > MOST_COUNTED:
        kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_COUNTED])
        numbers, counts = numbers[kept], counts[kept]
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _masks(count: int) -> str:
    return "1 mask was" if count == 1 else f"{count} masks were"
