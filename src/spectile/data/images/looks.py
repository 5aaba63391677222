"""What image files say beside their pixels, looked up before they are decoded.

A file alone can't tell whether its fourth band is an alpha channel; the files of a set can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from spectile.data.readers.pictures import picture_kind
from spectile.data.readers.raster_file import (
    alpha_channel,
    hides_all,
    is_band,
    opened,
    page_names,
    share_between,
)
from spectile.data.readers.unreadable import UnreadableImageError, damage_named
from spectile.files.threads import in_threads

UPRIGHT = 1
"""EXIF's orientation of an image that is shown as it is stored."""


@dataclass(frozen=True)
class Look:
    """What one file says."""

    orientation: int = UPRIGHT
    """EXIF's, 1 to 8."""
    pages: int = 1
    between: float | None = None
    """Share of half-transparent pixels in a TIFF's channel that is marked as alpha, if any."""
    hidden: bool = False
    """Whether that channel would hide all of the image."""


@dataclass(frozen=True)
class Looks:
    """What the files of a set say together."""

    alpha: bool | None
    """Whether channels that are marked as alpha are such; None where there are none."""
    notes: tuple[str, ...]


def look_at(path: Path) -> Look:
    """What a file says; nothing if it is damaged, for whoever reads it will say so."""
    try:
        with damage_named(path):
            kind = picture_kind(path)
            if kind == "tiff":
                return _look_at_tiff(path)
            if kind in ("jpeg", "png"):
                return Look(orientation=orientation_of(path))
    except UnreadableImageError:
        pass
    return Look()


def orientation_of(path: Path) -> int:
    """EXIF's orientation of a JPEG or PNG, 1 where it says none."""
    with Image.open(path, formats=("PNG", "JPEG")) as file:
        return int(file.getexif().get(ExifTags.Base.Orientation, UPRIGHT))


def looks_of(paths: Sequence[Path], *, masked: bool = False) -> Looks:
    """What the files of one set say, with a mask each or not, and notes on what follows from it."""
    looks = list(in_threads(look_at, paths))
    notes = []
    turned = [path for path, look in zip(paths, looks, strict=True) if look.orientation != UPRIGHT]
    if turned:
        beside = "; masks count as drawn on what is shown so" if masked else ""
        notes.append(
            f"{_images(len(turned))} turned as the EXIF orientation says, the first is "
            f"{turned[0]}{beside}."
        )
    paged = [path for path, look in zip(paths, looks, strict=True) if look.pages > 1]
    if paged:
        notes.append(
            f"{_images(len(paged))} stored in several pages, which were taken for bands; the "
            f"first is {paged[0]}."
        )
    marked = [look for look in looks if look.between is not None]
    if not marked:
        return Looks(None, tuple(notes))
    shares = np.array([look.between for look in marked], dtype=np.float64)
    band = is_band(shares, np.array([look.hidden for look in marked]))
    notes.append(
        f"The channel that is marked as alpha in {len(marked)} of {len(paths)} images is taken for "
        + ("a band, for it holds a signal." if band else "alpha: what it hides is missing.")
    )
    return Looks(not band, tuple(notes))


def _look_at_tiff(path: Path) -> Look:
    with opened(path, "tiff") as dataset:
        pages = page_names(dataset)
        if pages:
            return Look(pages=len(pages))
        channel = alpha_channel(dataset)
        if channel is None:
            return Look()
        share = share_between(dataset.read(channel + 1))
        hidden = share == 0 and hides_all(dataset.read(), channel)
        return Look(between=share, hidden=hidden)


def _images(count: int) -> str:
    return "1 image was" if count == 1 else f"{count} images were"
