"""Image files in folders, in the order that people sort names, and folders named for a side."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from spectile.data.readers.registry import image_kinds, image_suffixes
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError

SIDE_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""What folders and the cells of a split column call the sides, in lower case."""

JUNK = ("__MACOSX",)
"""Folders that archives leave behind."""


@dataclass(frozen=True)
class FoundImages:
    """The images below a folder."""

    paths: tuple[Path, ...]
    skipped: int
    """Visible files beside them that are no images, by their suffix."""


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sorting key that puts "2" before "10"."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]


def natural_path(path: Path) -> list[list[tuple[int, int, str]]]:
    """The sorting key of a path, part by part."""
    return [natural(part) for part in path.parts]


def subfolders(folder: Path) -> list[Path]:
    """The visible folders in `folder`, sorted as people do."""
    return sorted(
        (e for e in _entries(folder) if e.is_dir() and e.name not in JUNK),
        key=lambda entry: natural(entry.name),
    )


def images_in(folder: Path) -> FoundImages:
    """The image files right in `folder`."""
    files = [entry for entry in _entries(folder) if entry.is_file()]
    suffixes = image_suffixes()
    images = [file for file in files if file.suffix.lower() in suffixes]
    return FoundImages(
        tuple(sorted(images, key=lambda file: natural(file.name))), len(files) - len(images)
    )


def images_below(folder: Path) -> FoundImages:
    """The image files in `folder` and in folders within it, hidden ones aside."""
    paths: list[Path] = []
    skipped = 0
    suffixes = image_suffixes()
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".") and name not in JUNK]
        for name in files:
            if name.startswith("."):
                continue
            path = Path(root, name)
            if path.suffix.lower() in suffixes:
                paths.append(path)
            else:
                skipped += 1
    return FoundImages(tuple(sorted(paths, key=natural_path)), skipped)


def side_folders(folder: Path) -> dict[int, Path]:
    """The folders in `folder` that are named for a side; InputError for two of one side."""
    sides: dict[int, Path] = {}
    for entry in subfolders(folder):
        side = SIDE_NAMES.get(entry.name.lower())
        if side is None:
            continue
        if side in sides:
            raise InputError(
                f"{folder} has the folders {sides[side].name} and {entry.name}, which mean the "
                "same side of the split: leave one."
            )
        sides[side] = entry
    return sides


def side_in(cell: str, source: str, line: int) -> int:
    """The side that a cell of a split column names; InputError for another word."""
    side = SIDE_NAMES.get(cell.lower())
    if side is None:
        raise InputError(
            f"{source} has '{cell}' as a split in line {line}: write train, val or test."
        )
    return side


def skipped_note(skipped: int) -> tuple[str, ...]:
    """A note on the files that were passed over."""
    if not skipped:
        return ()
    what = "file that is no image was" if skipped == 1 else "files that are no images were"
    return (f"{skipped} {what} passed over (images are {image_kinds()}).",)


def _entries(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{folder} can't be read ({reason}): check the path.") from error
