"""Which mask belongs to which image, by folders and file names."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectile.data.images.class_table import listed_paths, listed_sides
from spectile.data.images.folders import (
    SIDE_NAMES,
    images_below,
    natural_path,
    side_folders,
    skipped_note,
    subfolders,
)
from spectile.data.labels.csv_table import read_table
from spectile.data.readers.registry import image_kinds
from spectile.data.splits.splits import TRAIN
from spectile.errors import InputError

IMAGE_COLUMNS = ("image", "path", "file", "filename")
MASK_COLUMNS = ("mask", "label")


@dataclass(frozen=True, eq=False)
class ListedPairs:
    """Image files with their masks, and the sides that the data themselves give."""

    images: tuple[Path, ...]
    masks: tuple[Path, ...]
    sides: NDArray[np.uint8]
    notes: tuple[str, ...] = ()


def list_pair_table(path: Path) -> ListedPairs:
    """The pairs of a CSV with the columns image and mask, and split if sides are given.

    Paths are relative to the folder of the CSV. Raises InputError as for tables of classes.
    """
    table = read_table(path)
    images = listed_paths(table, IMAGE_COLUMNS, "an image's path")
    masks = listed_paths(table, MASK_COLUMNS, "the path of its mask")
    return ListedPairs(tuple(images), tuple(masks), listed_sides(table))


def list_pair_folders(images: Path, masks: Path) -> ListedPairs:
    """The images below one folder and the masks of the same names below another.

    With train, val and test folders on both sides each is matched on its own; or `images` and
    `masks` are one folder with train beside trainannot (train_masks ...), and so on. Mask names
    may have one tail more than the images', such as _mask or _labels. Raises InputError naming
    images without a mask and masks without an image.
    """
    sides = _sides(images, masks)
    image_paths: list[Path] = []
    mask_paths: list[Path] = []
    codes: list[int] = []
    skipped = 0
    for side, (image_folder, mask_folder) in sorted(sides.items()):
        found, found_masks = images_below(image_folder), images_below(mask_folder)
        for folder, of in ((image_folder, found), (mask_folder, found_masks)):
            if not of.paths:
                raise InputError(f"{folder} holds no image ({image_kinds()}): check the path.")
        skipped += found.skipped + found_masks.skipped
        matched = _matched(image_folder, found.paths, mask_folder, found_masks.paths)
        image_paths.extend(found.paths)
        mask_paths.extend(matched)
        codes.extend([side] * len(matched))
    return ListedPairs(
        tuple(image_paths),
        tuple(mask_paths),
        np.array(codes, dtype=np.uint8),
        skipped_note(skipped),
    )


def sorted_by_name(pairs: ListedPairs) -> ListedPairs:
    """The same in the order of the images' names, as people sort."""
    order = sorted(range(len(pairs.images)), key=lambda i: natural_path(pairs.images[i]))
    return ListedPairs(
        tuple(pairs.images[i] for i in order),
        tuple(pairs.masks[i] for i in order),
        pairs.sides[order],
        pairs.notes,
    )


def _sides(images: Path, masks: Path) -> dict[int, tuple[Path, Path]]:
    """Folders of images and of masks of each side; only training where no side is given."""
    image_sides = side_folders(images)
    if TRAIN not in image_sides:
        if images.resolve() == masks.resolve():
            raise InputError(
                f"{images} holds images and masks alike: give the folder of the masks by --masks, "
                "or name folders in it train and train_masks, test and test_masks."
            )
        return {TRAIN: (images, masks)}
    if images.resolve() == masks.resolve():
        return {s: (folder, _mask_folder(folder)) for s, folder in image_sides.items()}
    mask_sides = side_folders(masks)
    for side, folder in image_sides.items():
        if side not in mask_sides:
            raise InputError(
                f"{images} has the folder {folder.name}, and {masks} has no such folder: "
                "give the masks the same folders as the images."
            )
    return {side: (folder, mask_sides[side]) for side, folder in image_sides.items()}


def _mask_folder(folder: Path) -> Path:
    """The other folder beside `folder` whose name starts with the same word."""
    word = folder.name.lower()
    others = [
        entry
        for entry in subfolders(folder.parent)
        if entry.name.lower().startswith(word) and entry.name.lower() not in SIDE_NAMES
    ]
    if len(others) != 1:
        found = ", ".join(entry.name for entry in others) or "none"
        raise InputError(
            f"{folder} needs one folder of masks beside it whose name begins with {folder.name} "
            f"(there is {found}): rename it, or give images and masks as folders of their own."
        )
    return others[0]


def _matched(
    image_folder: Path, images: Sequence[Path], mask_folder: Path, masks: Sequence[Path]
) -> list[Path]:
    """The mask of each image; InputError where one lacks the other."""
    of_images, of_masks = _by_stem(image_folder, images), _by_stem(mask_folder, masks)
    tail = _tail(sorted(of_images), sorted(of_masks))
    alone = [path for stem, path in of_images.items() if stem + tail not in of_masks]
    known = {stem + tail for stem in of_images}
    unused = [path for stem, path in of_masks.items() if stem not in known]
    if alone or unused:
        faults = [
            f"{len(paths)} of {total} {what} (the first is {paths[0]})"
            for paths, total, what in (
                (alone, len(images), "images have no mask"),
                (unused, len(masks), "masks have no image"),
            )
            if paths
        ]
        raise InputError(
            f"{' and '.join(faults)}: an image and its mask need the same name, or a mask's with "
            "one tail for all, such as _mask."
        )
    return [of_masks[stem + tail] for stem in of_images]


def _by_stem(folder: Path, paths: Sequence[Path]) -> dict[str, Path]:
    """The paths by their path in `folder` without suffix."""
    stems: dict[str, Path] = {}
    for path in paths:
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in stems:
            raise InputError(
                f"{stems[stem]} and {path} differ in their suffix alone, so a name doesn't tell "
                "them apart: leave one."
            )
        stems[stem] = path
    return stems


def _tail(images: Sequence[str], masks: Sequence[str]) -> str:
    """What follows an image's name in the name of its mask, the same for all; both sorted."""
    if not set(images).isdisjoint(masks):
        return ""
    tails: Counter[str] = Counter()
    for stem in images:
        for mask in masks[bisect_left(masks, stem) :]:
            if not mask.startswith(stem):
                break
            tails[mask.removeprefix(stem)] += 1
    # The shortest of the most frequent: of 1_mask and 12_mask the image 1 gives "2_mask" too.
    return min(tails, key=lambda tail: (-tails[tail], len(tail), tail), default="")
