"""Scenes in several files: folders, patterns of names, archives, virtual rasters' sources."""

from __future__ import annotations

import glob
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from spectile.data.readers.registry import scene_suffixes
from spectile.data.readers.stack import MOST_PARTS, Part, in_order_of_names
from spectile.errors import InputError

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")
_DEEPEST = 4
"""Virtual rasters made of virtual rasters."""


def files_of_pattern(source: str) -> list[Path]:
    """The files that a pattern such as bands/B*.tif names, in the order in which people count."""
    if not any(letter in source for letter in "*?["):
        return []
    # Path.glob wants the folder apart, which may be a pattern as well.
    found = map(Path, glob.glob(source))  # noqa: PTH207
    return in_order_of_names([path for path in found if path.is_file()])


def images_in(folder: Path) -> list[Path]:
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


def images_in_archive(path: Path) -> list[Part]:
    """The images in a zip or tar file; raises InputError where it is none or holds no image."""
    try:
        if path.suffix.lower() == ".zip":
            prefix = "/vsizip/"
            with zipfile.ZipFile(path) as zipped:
                names = zipped.namelist()
        else:
            prefix = "/vsitar/"
            with tarfile.open(path) as tarred:
                names = tarred.getnames()
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise InputError(
            f"{path} can't be read as an archive ({error}): fetch it again, or unpack it."
        ) from error
    inside = [PurePosixPath(name) for name in names if not name.endswith("/")]
    inside = [name for name in inside if name.parts[0] != "__MACOSX" and name.name[0] != "."]
    headers = {str(name)[:-4].lower() for name in inside if name.suffix.lower() == ".hdr"}
    suffixes = scene_suffixes()
    found = [
        name
        for name in inside
        if name.suffix.lower() in suffixes or (not name.suffix and str(name).lower() in headers)
    ]
    if not found:
        some = ", ".join(str(name) for name in inside[:5]) or "nothing"
        raise InputError(f"{path} holds no image ({some}): give an archive of a scene.")
    place = f"{prefix}{path.absolute()}"
    order = {
        path.name: at for at, path in enumerate(in_order_of_names([Path(n.name) for n in found]))
    }
    found.sort(key=lambda name: order[name.name])
    return [Part(str(name), f"{place}/{name}") for name in found]


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
