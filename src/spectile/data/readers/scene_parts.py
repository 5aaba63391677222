"""Scenes in several files: folders, patterns of names, virtual rasters' sources."""

from __future__ import annotations

import glob
from pathlib import Path
from xml.etree import ElementTree

from spectile.data.readers.registry import scene_suffixes
from spectile.data.readers.stack import MOST_PARTS, in_order_of_names
from spectile.errors import InputError

_DEEPEST = 4
"""Virtual rasters made of virtual rasters."""


def files_of_pattern(source: str) -> list[Path]:
    """The files that a pattern such as bands/B*.tif names, in the order in which people count."""
    if not any(letter in source for letter in "*?["):
        return []
    # Path.glob wants the folder apart, which may be a pattern as well.
    found = map(Path, glob.glob(source))  # noqa: PTH207
    return in_order_of_names([path for path in found if path.is_file()])


def image_paths_in(folder: Path) -> list[Path]:
    """The images in a folder, without what only belongs to one."""
    files = [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]
    headers = {path.stem.lower() for path in files if path.suffix.lower() == ".hdr"}
    suffixes = scene_suffixes()
    images = [
        path
        for path in files
        if path.suffix.lower() in suffixes or (not path.suffix and path.name.lower() in headers)
    ]
    return in_order_of_names(images)


def check_virtual(path: Path, source: str, depth: int = 0) -> None:
    """Raise InputError that names the first file that a virtual raster lacks."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError, ValueError):
        return  # GDAL will say what is wrong with it
    named = [item for tag in ("SourceFilename", "SourceDataset") for item in root.iter(tag)]
    for item in named[:MOST_PARTS]:
        name = (item.text or "").strip()
        if not name or name.startswith(("/vsi", "<", "http")) or ":" in name[2:]:
            continue  # of what GDAL alone knows where it lies
        relative = item.get("relativeToVRT", item.get("relativetoVRT", "0")) == "1"
        part = path.parent / name if relative else Path(name)
        if not part.exists():
            raise InputError(
                f"{source} is made of other files, and {name} isn't there: put it back, or build "
                "the virtual raster anew."
            )
        if part.suffix.lower() == ".vrt" and depth < _DEEPEST:
            check_virtual(part, source, depth + 1)
