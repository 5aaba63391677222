"""Images in a folder for each class, with or without train, val and test folders above."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spectile.data.images.folders import (
    SIDE_NAMES,
    images_below,
    images_in,
    side_folders,
    skipped_note,
    subfolders,
)
from spectile.data.images.listing import Listing
from spectile.data.images.sources import ImageFiles, file_fingerprints
from spectile.data.readers.registry import image_kinds
from spectile.data.splits.splits import TRAIN
from spectile.errors import InputError


def list_class_folders(folder: Path, *, bands_last: bool) -> Listing:
    """The images in `folder`/<class>/ or `folder`/train/<class>/, nested deeper too.

    Raises InputError for a class folder without images, for a class in val or test that train
    lacks, and where there is no class folder.
    """
    sides = _sides(folder)
    paths: list[Path] = []
    labels: list[str] = []
    codes: list[int] = []
    notes: list[str] = []
    names: tuple[str, ...] = ()
    skipped = 0
    # Training first: it says which classes there are.
    for side, side_folder in sorted(sides.items()):
        classes = _class_folders(side_folder)
        if side == TRAIN:
            names = tuple(entry.name for entry in classes)
        strangers = [entry.name for entry in classes if entry.name not in names]
        if strangers:
            raise InputError(
                f"{side_folder} holds the class {strangers[0]}, which {sides[TRAIN]} lacks: "
                "add training images of it or take it out."
            )
        for entry in classes:
            found = images_below(entry)
            if not found.paths:
                raise InputError(
                    f"the class folder {entry} holds no image ({image_kinds()}): "
                    "put some into it or take it away."
                )
            paths.extend(found.paths)
            labels.extend([entry.name] * len(found.paths))
            codes.extend([side] * len(found.paths))
            skipped += found.skipped
        notes.extend(_note_on_stray(side_folder))
    notes.extend((*_note_on_others(folder, sides), *skipped_note(skipped)))
    return Listing(
        str(folder),
        ImageFiles(tuple(paths), bands_last),
        labels,
        names,
        np.array(codes, dtype=np.uint8),
        file_fingerprints(paths),
        tuple(notes),
    )


def _sides(folder: Path) -> Mapping[int, Path]:
    """The folder of each side that is given; only training if the classes lie right in `folder`."""
    found = [entry for entry in subfolders(folder) if entry.name.lower() in SIDE_NAMES]
    training = [entry for entry in found if SIDE_NAMES[entry.name.lower()] == TRAIN]
    if not training:
        return {TRAIN: folder}
    # "train" may be a class, beside plane and ship, and hold images itself.
    holds_classes = bool(subfolders(training[0])) and not images_in(training[0]).paths
    alone = len(found) == len(subfolders(folder))
    signs = (holds_classes, alone, len(found) > 1)
    return side_folders(folder) if sum(signs) >= 2 else {TRAIN: folder}


def _class_folders(folder: Path) -> list[Path]:
    classes = subfolders(folder)
    if classes:
        return classes
    if images_below(folder).paths:
        raise InputError(
            f"{folder} holds images, but no folder for each class: "
            "sort them into folders named for their classes, or give a CSV of path and label."
        )
    raise InputError(f"{folder} holds no folders of images: give a folder with one for each class.")


def _note_on_stray(folder: Path) -> list[str]:
    stray = images_in(folder).paths
    if not stray:
        return []
    what = "1 image lies" if len(stray) == 1 else f"{len(stray)} images lie"
    return [f"{what} in {folder} beside the class folders and were passed over."]


def _note_on_others(folder: Path, sides: Mapping[int, Path]) -> list[str]:
    if sides[TRAIN] == folder:
        return []
    others = [entry.name for entry in subfolders(folder) if entry not in sides.values()]
    if not others:
        return []
    return [f"Beside the folders of the split these were passed over: {', '.join(others)}."]
