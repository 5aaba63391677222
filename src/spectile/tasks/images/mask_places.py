"""Where the masks of predicted images go: one place each, never over an image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from spectile.errors import InputError


def mask_places(
    files: Sequence[Path],
    roots: Sequence[Path],
    out: Path,
    suffix_of: Callable[[Path], str],
    *,
    overwrite: bool,
) -> list[Path]:
    """The path of each file's mask in the folder `out`; `suffix_of` gives its suffix.

    Folders inside of `roots` are kept. Where two masks would share a name, the folders above their
    roots are kept too, as far as they differ, and names that only suffixes tell apart keep the
    image's: a.jpg.png beside a.png.png. Raises InputError, before anything is written, for a mask
    that would replace an image, and for one that is there unless `overwrite`.
    """
    places = [_inside(file, roots) for file in files]
    if _clashing(places):
        absolute = [file.absolute() for file in files]
        folder = Path(os.path.commonpath([str(file.parent) for file in absolute]))
        places = [file.relative_to(folder) for file in absolute]
    clashing = _clashing(places)
    targets = [
        out
        / place.with_name(
            (place.name if place.with_suffix("") in clashing else place.stem) + suffix_of(file)
        )
        for place, file in zip(places, files, strict=True)
    ]
    images = {file.resolve() for file in files}
    for target in targets:
        if target.resolve() in images:
            raise InputError(
                f"the mask {target} would replace the image of that name: choose another --out."
            )
        if target.exists() and not overwrite:
            raise InputError(f"{target} exists: choose another --out or add --overwrite.")
    return targets


def _clashing(places: Sequence[Path]) -> set[Path]:
    """The names without suffix that several files share."""
    counts = Counter(place.with_suffix("") for place in places)
    return {place for place, count in counts.items() if count > 1}


def _inside(file: Path, roots: Sequence[Path]) -> Path:
    """The place of a file inside of the folder that it was found in."""
    for root in roots:
        if root.is_dir() and file.is_relative_to(root):
            return file.relative_to(root)
    return Path(file.name)
