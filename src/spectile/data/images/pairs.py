"""Images with class masks, from two folders or a CSV file."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal

import numpy as np

from spectile.data.images.looks import looks_of
from spectile.data.images.pair_folders import (
    ListedPairs,
    list_pair_folders,
    list_pair_table,
    sorted_by_name,
)
from spectile.data.images.pair_set import PairSet, check_pair_sides
from spectile.data.images.sources import ImageFiles, file_fingerprints
from spectile.data.labels.labels import TABLES
from spectile.data.labels.legend import Legend
from spectile.data.labels.masks.mask_classes import MaskFiles
from spectile.data.labels.masks.mask_legend import classes_in_masks, classes_of_legend
from spectile.data.splits.drawn_sides import cut_sides, draw_sides
from spectile.data.splits.splits import TEST, VALIDATION
from spectile.data.splits.stratified import check_shares
from spectile.errors import InputError

LOSSY = (".jpg", ".jpeg")


def open_pair_set(
    images: str | os.PathLike[str],
    masks: str | os.PathLike[str] | None = None,
    *,
    legend: Legend | str | Path | None = None,
    ignore: Collection[int] | None = None,
    split: Literal["order", "random"] = "order",
    train: float = 0.8,
    validation: float = 0.1,
    seed: int = 0,
    bands_last: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> PairSet:
    """List images with their masks, and split them where the data don't.

    `images` and `masks` are folders, matched by file names, with train, val and test folders in
    both if there are such; or one folder that has train beside trainannot and so on; or `images`
    is a CSV of image, mask and, if wanted, split, and `masks` is None.

    Masks hold values, palette indices or colours. `legend`, or a CSV as
    :func:`spectile.data.labels.legend.read_legend` takes it, says what they mean; without one each
    value or colour is a class. All masks are read for it, with `progress` called as they are. 255
    and the values `ignore` are unlabelled; nodata, transparent and, in colour masks, black pixels
    are so too.

    A test side that is missing is the last 1 - `train` of the images by name ("order": pictures
    that follow one another look alike), or drawn ("random"); a validation side is the share
    `validation` of what is left. Raises InputError for what can't be understood or matched.
    """
    check_shares(train, validation)
    pairs = sorted_by_name(_listed(Path(images), Path(masks) if masks is not None else None))
    _check_files(pairs, images)
    if legend is None:
        known = classes_in_masks(pairs.masks, ignore, progress)
    else:
        known = classes_of_legend(legend, pairs.masks, ignore, progress)
    given = {int(side) for side in np.unique(pairs.sides)}
    missing = {TEST} - given | ({VALIDATION} - given if validation > 0 else set())
    if split == "order":
        sides = cut_sides(pairs.sides, train=train, validation=validation)
    else:
        keys = file_fingerprints(pairs.images)
        one = np.zeros(len(pairs.images), np.int64)
        sides = draw_sides(one, pairs.sides, keys, train=train, validation=validation, seed=seed)
    check_pair_sides(sides)
    looks = looks_of(pairs.images, masked=True)
    return PairSet(
        ImageFiles(pairs.images, bands_last, looks.alpha),
        MaskFiles(pairs.masks, known.meaning),
        sides,
        known.meaning.legend,
        known.mask_values,
        "given" if TEST in given else split,
        seed if split == "random" and missing else None,
        (*pairs.notes, *looks.notes, *known.notes),
        void_values=known.meaning.void_values,
    )


def _check_files(pairs: ListedPairs, source: str | os.PathLike[str]) -> None:
    lossy = [path for path in pairs.masks if path.suffix.lower() in LOSSY]
    if lossy:
        raise InputError(
            f"{lossy[0]} is a JPEG, which changes the values of a mask: export masks as PNG, "
            "TIFF or .npy."
        )
    if len(pairs.images) < 2:
        raise InputError(f"{source} holds a single image: add some, at least one to test on.")


def _listed(images: Path, masks: Path | None) -> ListedPairs:
    if masks is None:
        if images.suffix.lower() not in TABLES:
            raise InputError(
                f"{images} comes without masks: give their folder by --masks, or a CSV of image "
                "and mask."
            )
        return list_pair_table(images)
    for folder in (images, masks):
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: check the path.")
    return list_pair_folders(images, masks)
