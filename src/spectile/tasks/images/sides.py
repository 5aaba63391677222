"""What runs on images share: their preparation, and repeats."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from spectile.data.images import (
    ImageOverlap,
    ImageSet,
    ImageStore,
    PairSet,
    measure_image_overlap,
)
from spectile.data.instances.instance_set import InstanceSet
from spectile.data.readers.pixel_types import note_on_types
from spectile.data.splits.splits import NONE, TEST, TRAIN, VALIDATION
from spectile.errors import InputError
from spectile.tasks.files import PIXELS, SPLIT_TABLE
from spectile.tasks.tables import table_in, write_table

Images = TypeVar("Images", ImageSet, PairSet, InstanceSet)
AnyImages = ImageSet | PairSet | InstanceSet

SIDES = {NONE: "none", TRAIN: "train", VALIDATION: "validation", TEST: "test"}


def readable(images: Images, store: ImageStore) -> Images:
    """The images with those on no side that the store couldn't read, and notes on the others."""
    listed = set(range(len(images.sides)))
    kept: Images = images.without(listed - set(store.kept.tolist()))
    notes = (*kept.notes, *note_on_types(store.names, store.pixel_types))
    return replace(kept, notes=notes)


def on_side(images: AnyImages, store: ImageStore, side: int) -> ImageStore:
    """The store's images of one side."""
    return store.part(np.flatnonzero(images.sides[store.kept] == side))


def overlap_of(images: AnyImages, store: ImageStore) -> ImageOverlap:
    """Whether test images occur among those trained and validated on."""
    train, validation, test = (
        on_side(images, store, side).hashes for side in (TRAIN, VALIDATION, TEST)
    )
    return measure_image_overlap((*train, *validation), test)


def check_sides(images: AnyImages, store: ImageStore, bands: Sequence[int]) -> None:
    """Raise InputError for a side whose images have no pixel to learn or test with.

    Such a pixel has data in all of `bands` (from 0) and, where there are masks, a class.
    """
    for side in (TRAIN, VALIDATION, TEST):
        part = on_side(images, store, side)
        if len(part) and not any(map(partial(_has_pixel, part, bands), range(len(part)))):
            what = "labelled pixel" if part.counts is not None else "pixel"
            raise InputError(
                f"the {SIDES[side]} side has no {what} with data in its {len(part)} images: "
                "label some of them, take others for it, or leave out bands with gaps by --bands."
            )


def _has_pixel(part: ImageStore, bands: Sequence[int], index: int) -> bool:
    if part.counts is not None and not part.counts[index].any():
        return False
    image, mask = part.pair(index) if part.counts is not None else (part.image(index), None)
    known = np.isfinite(image[list(bands)]).all(axis=0)
    return bool((known if mask is None else known & (mask > 0)).any())


def fingerprints(images: AnyImages, store: ImageStore) -> list[str]:
    """A hash of each listed image's pixels, its mask and the legend; "" for one without side.

    Equal ones teach a network the same.
    """
    legend = repr(images.legend.to_dicts()).encode()
    found = [""] * len(images.sides)
    for place, at in enumerate(store.kept.tolist()):
        if images.sides[at] != NONE:
            truth = images.fingerprint(at) if isinstance(images, InstanceSet) else b""
            parts = (store.hashes[place], store.mask_hashes[place], truth, legend)
            found[at] = hashlib.sha256(b"".join(parts)).hexdigest()[:16]
    return found


def write_split_table(
    folder: Path,
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    pixels: Sequence[str],
    *,
    resume: bool,
) -> None:
    """Write which image is on which side to split.csv, and what it holds to pixels.csv.

    An image's name is the first cell of its row; `pixels` are those of :func:`fingerprints`. Raises
    InputError unless a resumed run goes on with the images and masks that it was begun with.
    """
    path = folder / SPLIT_TABLE
    before = table_in(path)
    listed = _placed(_cells(header, rows))
    # What an earlier version was killed in the middle of is the beginning of it.
    if resume and before is not None and _placed(before) != listed[: len(before)]:
        raise InputError(
            f"{path} is no longer the split of these images, which were changed since the run "
            "was started: start anew with --overwrite."
        )
    held = [(row[0], found) for row, found in zip(rows, pixels, strict=True)]
    now, before = _cells(("image", "pixels"), held), table_in(folder / PIXELS)
    if resume and before is not None and before != now:  # earlier versions have no such table
        changed = [row[0] for row in now if row not in before] or [now[0][0]]
        raise InputError(
            f"pixels of {len(changed)} images or of their masks, or the legend, were changed since "
            f"the run was started, the first is {changed[0]}: bring them back, or start anew with "
            "--overwrite."
        )
    write_table(path, header, rows)
    write_table(folder / PIXELS, now[0], now[1:])


def _placed(table: list[list[str]]) -> list[list[str]]:
    """The same with the images' paths made absolute, as earlier versions didn't."""
    return [[str(Path(row[0]).absolute()), *row[1:]] if row else row for row in table]


def _cells(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[list[str]]:
    return [list(header), *([str(cell) for cell in row] for row in rows)]
