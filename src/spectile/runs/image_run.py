"""What runs on images share: their preparation, and repeats."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from spectile.errors import InputError
from spectile.files import write_aside
from spectile.images import (
    ImageOverlap,
    ImageSet,
    ImageStore,
    PairSet,
    measure_image_overlap,
)
from spectile.scenes.splits import NONE, TEST, TRAIN, VALIDATION

Listing = TypeVar("Listing", ImageSet, PairSet)

SIDES = {NONE: "none", TRAIN: "train", VALIDATION: "validation", TEST: "test"}


def readable(images: Listing, store: ImageStore) -> Listing:
    """The images with those on no side that the store couldn't read."""
    listed = set(range(len(images.sides)))
    return images.without(listed - set(store.kept.tolist()))


def on_side(images: ImageSet | PairSet, store: ImageStore, side: int) -> ImageStore:
    """The store's images of one side."""
    return store.part(np.flatnonzero(images.sides[store.kept] == side))


def overlap_of(images: ImageSet | PairSet, store: ImageStore) -> ImageOverlap:
    """Whether test images occur among those trained and validated on."""
    train, validation, test = (
        on_side(images, store, side).hashes for side in (TRAIN, VALIDATION, TEST)
    )
    return measure_image_overlap((*train, *validation), test)


def write_split(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]], *, resume: bool
) -> None:
    """Write which image is on which side.

    Raises InputError unless a resumed run would test the images that it didn't train on.
    """
    if resume and path.exists():
        before, now = path.read_bytes(), _table(header, rows)
        if not now.startswith(before):  # a kill cuts short
            raise InputError(
                f"{path} is no longer the split of these images, which were changed since the run "
                "was started: start anew with --overwrite."
            )
    write_table(path, header, rows)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV, whole or not at all."""
    with write_aside(path) as aside:
        aside.write_bytes(_table(header, rows))


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
